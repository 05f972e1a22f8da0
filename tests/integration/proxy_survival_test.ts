/**
 * A planned switchover under load: a pool that connects again once, and pgbench
 * with a connection per transaction, must not lose a transaction.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import {
  type AgentMember,
  PASSWORDS,
  type Section,
} from "../helpers/agent_member.ts";
import { selfSigned } from "../helpers/certificates.ts";
import { PoolLoad } from "../helpers/pool_load.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const PGBENCH = "/usr/lib/postgresql/15/bin/pgbench";
const SWITCHOVERS = 3;

unprivileged(import.meta.url, () => {
  Deno.test("ordinary clients survive planned switchovers", async () => {
    using certificate = await certificateFiles();
    await using cluster = await AgentCluster.running({
      hasProxies: true,
      change: (config, { name }) => ({
        ...config,
        postgresql: withTls(sectionOf(config, "postgresql"), certificate),
        // Clients come through another member's proxy than the leader's, too.
        proxy: name === "n3"
          ? false
          : { ...sectionOf(config, "proxy"), hold_timeout: 30 },
      }),
    });
    const ports = ["n1", "n2"].map((name) =>
      cluster.member(name).place.proxyPorts?.primary ?? 0
    );
    await (await cluster.untilWhole()).sql(
      "create table paid (client int, number int, primary key (client, number))",
    );
    const loads = [
      ...ports.map((port, i) => new PoolLoad(port, i * 1000)),
      new PoolLoad(ports[0] ?? 0, 2000, { cipher: "tls" }),
    ];
    const bench = startPgbench(ports[1] ?? 0);
    try {
      for (let i = 0; i < SWITCHOVERS; i++) {
        for (const load of loads) await load.more(20);
        await switchOver(cluster, i % 2 === 0 ? "n2" : "n1");
      }
      for (const load of loads) await load.more(20);
    } finally {
      for (const load of loads) await load.end();
    }
    const { code, stdout, stderr } = await bench;
    const text = new TextDecoder();
    assert.equal(code, 0, text.decode(stderr));
    assert.match(text.decode(stdout), /number of failed transactions: 0 /);
    for (const load of loads) assert.deepEqual(load.failures, []);

    const leader = await cluster.untilWhole();
    const [row] = await leader.sql("select count(*)::int as count from paid");
    const committed = loads.reduce((sum, load) => sum + load.committed, 0);
    assert.equal(row?.["count"], committed);
  });

  Deno.test("readers survive replicas that restart and stop", async () => {
    await using cluster = await AgentCluster.running({ hasProxies: true });
    const { replica = 0 } = cluster.member("n1").place.proxyPorts ?? {};
    const load = new PoolLoad(replica, 0, { work: "read" });
    try {
      await load.more(20);
      const { status, text } = await cluster.member("n2").rest("/restart", {
        method: "POST",
        body: {},
      });
      assert.equal(status, 200, text);
      await cluster.untilWhole();
      await load.more(20);
      await cluster.member("n3").end("SIGTERM");
      await load.more(20);
    } finally {
      await load.end();
    }
    assert.deepEqual(load.failures, []);
  });
});

interface CertificateFiles extends Disposable {
  readonly cert: string;
  readonly key: string;
}

async function certificateFiles(): Promise<CertificateFiles> {
  const { cert, key } = await selfSigned("postgres");
  const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
  const files = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem` };
  await Deno.writeTextFile(files.cert, cert);
  await Deno.writeTextFile(files.key, key, { mode: 0o600 });
  const end = (): void => Deno.removeSync(folder, { recursive: true });
  return { ...files, [Symbol.dispose]: end };
}

function withTls(postgresql: Section, files: CertificateFiles): Section {
  const parameters = {
    ...sectionOf(postgresql, "parameters"),
    ssl: "on",
    ssl_cert_file: files.cert,
    ssl_key_file: files.key,
  };
  return { ...postgresql, parameters };
}

async function switchOver(cluster: AgentCluster, to: string): Promise<void> {
  const leader: AgentMember = await cluster.untilWhole();
  const { status, text } = await leader.rest("/switchover", {
    method: "POST",
    body: { leader: leader.name, candidate: to },
  });
  assert.equal(status, 200, text);
  assert.equal((await cluster.untilWhole()).name, to);
}

/** A connection per transaction, for longer than the switchovers take. */
function startPgbench(port: number): Promise<Deno.CommandOutput> {
  const at = ["-h", "127.0.0.1", "-p", `${port}`, "-U", "postgres"];
  const script = "select pg_sleep(0.02);\n";
  const file = Deno.makeTempFileSync({ prefix: "matriarch-bench-" });
  Deno.writeTextFileSync(file, script);
  return new Deno.Command(PGBENCH, {
    args: [
      ...at,
      ...["-n", "-C", "-c", "3", "-T", "12", "--max-tries=5"],
      ...["-f", file, "postgres"],
    ],
    env: { PGPASSWORD: PASSWORDS.postgres },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output().finally(() => Deno.remove(file));
}
