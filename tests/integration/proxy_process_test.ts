/** `matriarch proxy` as a process: start, refusals, signals, scarce descriptors. */
import assert from "node:assert/strict";
import { handedText } from "../../lib/compose/handed_config.ts";
import { DISK_READER } from "../../lib/compose/load.ts";
import { loadDocument } from "../../lib/config/load.ts";
import { decodeProxyHost } from "../../lib/config/proxy_host.ts";
import { echoBackend, TestClient, until } from "../helpers/tcp.ts";
import { isOpen, ProxyHost } from "./proxy_host.ts";
import { freePort } from "../helpers/free_ports.ts";

const PROGRAM = new URL("./proxy_program.ts", import.meta.url).pathname;

/** A configuration as its agent would hand it over. */
async function handedOf(
  host: ProxyHost,
  primaryPort: number,
): Promise<string> {
  const { document } = await loadDocument({
    ...{ path: host.config, env: {} },
    reader: DISK_READER,
  });
  const { proxy, ...rest } = decodeProxyHost(document);
  return handedText({ ...rest, proxy: { ...proxy, primaryPort } });
}

Deno.test("matriarch proxy serves a scope from a short file and ends at SIGTERM", async () => {
  await using host = new ProxyHost();
  await using backend = echoBackend("one");
  await host.keys.primary("n1", backend.port);
  await host.keys.lead("n1");
  const process = host.spawn();
  await until("it listens", () => isOpen(host.port));
  await using client = await TestClient.connect(host.port);
  await client.untilText("one\n");
  await host.keys.remove("leader");
  await client.untilEnd();
  process.kill("SIGTERM");
  const { code, stderr } = await process.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
});

Deno.test("a proxy goes by what its agent hands it, or else by its file", async () => {
  const given = freePort();
  await using host = new ProxyHost();
  const first = host.spawn(await handedOf(host, given));
  await until("it listens where it was told", () => isOpen(given));
  assert.equal(await isOpen(host.port), false);
  first.kill("SIGKILL");
  await first.output();

  // Its agent died while it wrote.
  const text = await handedOf(host, given);
  const second = host.spawn(text.slice(0, text.length / 2));
  await until("it listens where its file says", () => isOpen(host.port));
  second.kill("SIGKILL");
  await second.output();
});

Deno.test("matriarch proxy says in one sentence that a port is taken", async () => {
  await using other = echoBackend("other");
  await using host = new ProxyHost(other.port);
  const { code, stderr } = await host.spawn().output();
  const [, line] = new TextDecoder().decode(stderr).split(" CRITICAL: ");
  assert.deepEqual([code, line], [
    1,
    `Cannot listen on 127.0.0.1:${other.port} (proxy.primary_port): ` +
    "another program uses the port\n",
  ]);
});

Deno.test("proxy survives more clients than it has file descriptors for", async () => {
  await using backend = echoBackend("one");
  const folder = Deno.makeTempDirSync({ prefix: "matriarch-proxy-" });
  const port = freePort();
  const line = `ulimit -n 200; exec "$@"`;
  const program = ["run", "--allow-all", "--quiet", "--no-check", PROGRAM];
  const process = new Deno.Command("bash", {
    args: [
      ...["-c", line, "bash", Deno.execPath(), ...program],
      ...[`${folder}/proxy.sock`, `${port}`, `${backend.port}`],
    ],
    stdin: "null",
  }).spawn();
  const clients: TestClient[] = [];
  const greeted = (): number => clients.filter((c) => c.text !== "").length;
  try {
    await until("it listens", () => isOpen(port));
    for (let i = 0; i < 150; i++) clients.push(await TestClient.connect(port));
    await until("some are served, many are turned away", () => {
      const ended = clients.filter((client) => client.isEnded).length;
      return greeted() > 0 && ended > 50;
    }, greeted);
    for (const client of clients) await client[Symbol.asyncDispose]();
    await until("it serves again", async () => {
      await using client = await TestClient.connect(port);
      await until("an answer", () => client.text !== "" || client.isEnded);
      return client.text === "one\n";
    });
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
    process.kill("SIGKILL");
    await process.status;
    await Deno.remove(folder, { recursive: true });
  }
});
