import assert from "node:assert/strict";
import { FULL_YAML, MINIMAL_YAML } from "../config/fixtures/examples.ts";
import { memoryReader } from "../config/fixtures/memory_reader.ts";
import { loadConfig, loadDocument } from "../config/load.ts";
import { decodeProxyHost } from "../config/proxy_host.ts";
import {
  HANDED_VARIABLE,
  handedConfig,
  handedText,
  takeHanded,
} from "./handed_config.ts";

const SEALED = `${MINIMAL_YAML.replace(/^.*host all all 10.*\n/m, "")}
proxy:
  sealed: true
`;

for (
  const [what, yaml] of Object.entries({ MINIMAL_YAML, FULL_YAML, SEALED })
) {
  Deno.test(`a proxy is handed what it would read itself: ${what}`, async () => {
    const options = {
      path: "/m.yml",
      env: { PATRONI_ETCD3_PASSWORD: "secret" },
      reader: memoryReader({ "/m.yml": yaml }),
    };
    const { document } = await loadDocument(options);
    const read = decodeProxyHost(document);
    const { config } = await loadConfig(options);
    const text = handedText(decodeProxyHost(config.document));
    assert.deepEqual(handedConfig(text), read);
  });
}

Deno.test("a proxy that was handed nothing usable reads its configuration itself", () => {
  const texts = [
    "",
    "{",
    "null",
    '"x"',
    "{}",
    '{"version":"0.0.0","config":{}}',
  ];
  assert.deepEqual(texts.map(handedConfig), texts.map(() => null));
});

/** A pipe whose writer says `text` and nothing more. */
function pipe(text: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([text]).stream();
}

Deno.test("only who is told so looks at the standard input, and tells nobody else", async () => {
  const config = decodeProxyHost({ scope: "demo", sqlite: { path: "/x" } });
  const text = handedText(config);
  assert.equal(await takeHanded(pipe(text)), null);
  Deno.env.set(HANDED_VARIABLE, "stdin");
  assert.deepEqual(await takeHanded(pipe(text)), config);
  assert.equal(Deno.env.has(HANDED_VARIABLE), false);
});
