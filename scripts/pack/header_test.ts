/** What a host that cannot run the one file is told, by a file with a small runtime. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { packSelfExtracting } from "./self_extracting.ts";

/** An ordinary program, whose loader may be another one's name of that length. */
async function packed(
  folder: string,
  { hasLoader }: { readonly hasLoader: boolean },
): Promise<string> {
  const stage = join(folder, "stage");
  await Deno.mkdir(join(stage, "app"), { recursive: true });
  await Deno.writeTextFile(join(stage, "app/main.js"), "");
  const bytes = Buffer.from(await Deno.readFile("/bin/true"));
  const loader = bytes.indexOf("/ld-linux-");
  assert.ok(loader > 0, "/bin/true names its loader");
  if (!hasLoader) bytes.write("/ld-no-one-", loader, "latin1");
  const runtime = join(folder, "runtime");
  await Deno.writeFile(runtime, bytes, { mode: 0o755 });
  const output = join(folder, "matriarch");
  await packSelfExtracting(stage, output, runtime);
  await Deno.chmod(output, 0o755);
  return output;
}

async function started(
  program: string,
  cache: string,
): Promise<{ readonly code: number; readonly said: string }> {
  const { code, stderr } = await new Deno.Command(program, {
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", MATRIARCH_CACHE_DIR: cache },
  }).output();
  return { code, said: new TextDecoder().decode(stderr) };
}

async function inFolder(body: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-header-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a system without glibc is named in one sentence", () =>
  inFolder(async (folder) => {
    const program = await packed(folder, { hasLoader: false });
    const cache = join(folder, "cache");
    const { code, said } = await started(program, cache);
    assert.equal(code, 70);
    assert.match(said, /^matriarch: this system has no glibc .*\n$/);
    assert.deepEqual([...Deno.readDirSync(cache)], [], "nothing is left there");
  }));

Deno.test("without a folder to unpack into, it says how to name one", () =>
  inFolder(async (folder) => {
    const program = await packed(folder, { hasLoader: true });
    const { code, said } = await started(program, "/proc/nowhere/cache");
    assert.equal(code, 70);
    assert.match(
      said,
      /^matriarch: no folder to unpack .* MATRIARCH_CACHE_DIR/,
    );
    assert.equal((await started(program, join(folder, "cache"))).code, 0);
  }));
