/** The command `barman` with this process's own network and files. */
import assert from "node:assert/strict";
import { runCli } from "../cli/cli.ts";
import { createCliContext } from "./cli.ts";

const ID = "20261129T030000";
const RECOVER = [
  ...["recover", "--barman-server", "main", "--ssh-command", "ssh pg@db1"],
  ...["--scope=demo", "--datadir=/pg/main"],
];

Deno.test("barman speaks with a real server", async () => {
  const seen: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      seen.push(`${request.method} ${pathname} ${await request.text()}`);
      if (pathname === "/status") return Response.json("OK");
      return request.method === "POST"
        ? Response.json({ operation_id: ID }, { status: 202 })
        : Response.json({ operation_id: ID, status: "DONE" });
    },
  );
  const folder = await Deno.makeTempDir();
  try {
    const log = `${folder}/barman.log`;
    const code = await runCli([
      ...["barman", "--api-url", `http://127.0.0.1:${server.addr.port}`],
      ...["--log-file", log, ...RECOVER],
    ], {
      ...createCliContext({
        ...{ programName: "matriarch", version: "4.1.4", otherCommands: [] },
        openDcs: () => Promise.reject(new Error("no store is asked")),
      }),
      environment: {},
    });
    assert.equal(code, 0);
    assert.match(await Deno.readTextFile(log), /finished successfully/);
    assert.deepEqual(seen.map((line) => line.split(" ").slice(0, 2)), [
      ["GET", "/status"],
      ["POST", "/servers/main/operations"],
      ["GET", `/servers/main/operations/${ID}`],
    ]);
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a link called patroni_barman is the command", async () => {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", "--quiet", main],
      ...["--api-url", "http://127.0.0.1:1", "config-switch"],
      ...["--barman-server", "main", "--barman-model", "main:db1"],
      ...["on_role_change", "replica", "demo"],
    ],
    // As the file's header says which link it was called by.
    env: { MATRIARCH_AS: "patroni_barman" },
  }).output();
  const text = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  assert.equal(code, 1, text);
  assert.match(text, /skipped \(role=replica, switch_when=promoted\)/);
});
