/**
 * Goal: somebody who can write to etcd below the scope crashes no process, freezes
 * no loop, makes no replica a primary that should not be, cuts no session through
 * the proxy and fills no log. (He can name another leader: then nobody writes.)
 *
 * Method: two members with proxies on a private etcd, and keys as a vandal would
 * write them: in wrong forms, as large and as many as etcd takes, and as fast as
 * one client can.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Etcd3 } from "etcd3";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { type AgentMember, connectTo } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const PREFIX = "/service/batman/";
const SKIP = etcdSkipReason();
/** Below etcd's own limit of 1.5 MiB for a request. */
const LARGE = 1_400_000;
const CHURN_WRITES = 10_000;
const CHURN_BATCH = 20;
const LINES_TOLD = 40;
const LOG_BYTES_MAX = 4 << 20;
const MEMBERS = 10_000;
const MEMBERS_AT_ONCE = 100;

type Value = string | Uint8Array;

/** Writes below the scope without asking anybody. */
class Vandal implements Disposable {
  readonly #etcd: Etcd3;

  constructor(endpoint: string) {
    this.#etcd = new Etcd3({ hosts: endpoint });
  }

  async put(key: string, value: Value): Promise<void> {
    await this.#etcd.kv.put({
      key: Buffer.from(`${PREFIX}${key}`),
      value: typeof value === "string"
        ? Buffer.from(value)
        : Buffer.from(value),
    });
  }

  async putRaw(key: Uint8Array, value: Value): Promise<void> {
    await this.#etcd.kv.put({
      key: Buffer.concat([Buffer.from(PREFIX), key]),
      value: Buffer.from(value),
    });
  }

  /** Many keys at once, as many as one transaction takes. */
  async putMany(keys: readonly string[], value: string): Promise<void> {
    const puts = keys.map((key) => ({
      request_put: {
        key: Buffer.from(`${PREFIX}${key}`),
        value: Buffer.from(value),
      },
    }));
    await this.#etcd.kv.txn({ compare: [], success: puts, failure: [] });
  }

  async get(key: string): Promise<string | null> {
    return await this.#etcd.get(`${PREFIX}${key}`).string();
  }

  async drop(key: string): Promise<void> {
    await this.#etcd.delete().key(`${PREFIX}${key}`);
  }

  async dropAll(prefix: string): Promise<void> {
    await this.#etcd.delete().prefix(`${PREFIX}${prefix}`);
  }

  [Symbol.dispose](): void {
    this.#etcd.close();
  }
}

/** A client of the proxy that never stops asking. */
class Asker implements AsyncDisposable {
  readonly #sql: ReturnType<typeof connectTo>;
  readonly #asking: Promise<void>;
  #isOver = false;
  answers = 0;
  failure: unknown = null;

  constructor(port: number) {
    this.#sql = connectTo(port);
    this.#asking = this.#ask();
  }

  async #ask(): Promise<void> {
    try {
      while (!this.#isOver) {
        await this.#sql`select pg_sleep(0.02)`;
        this.answers += 1;
      }
    } catch (error) {
      this.failure = error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#asking;
    await this.#sql.end({ timeout: 1 });
  }
}

async function cyclesOf(member: AgentMember): Promise<number> {
  const { text } = await member.rest("/metrics");
  return Number(/cycles_total\{[^}]*\} (\d+)/.exec(text)?.[1] ?? NaN);
}

/** Each member's loop has gone round twice since now. */
async function untilLoops(cluster: AgentCluster): Promise<void> {
  const before = await Promise.all(cluster.members.map(cyclesOf));
  await cluster.until("the loops go on", async () => {
    const now = await Promise.all(cluster.members.map(cyclesOf));
    return now.every((count, at) => count >= (before[at] ?? 0) + 2);
  });
}

const DEEP = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
const NUMBERS = '{"ttl":-1e999,"loop_wait":NaN}';
const ODD_NUMBERS = JSON.stringify({
  ttl: -5,
  loop_wait: "9".repeat(400),
  retry_timeout: -1,
  maximum_lag_on_failover: `0x${"f".repeat(400)}`,
  primary_start_timeout: -1e300,
  member_slots_ttl: "-1d",
  max_timelines_history: -7,
  synchronous_node_count: -3,
});
const BINARY = Uint8Array.from({ length: 4_096 }, (_, at) => (at * 7) % 256);
const ACTING = "x\u0000\u001b[2J\u202e\nCRITICAL: all is lost";

const FORMS: readonly Value[] = [
  ...["", "null", "[]", "{}", "0", "-1", "true", '"x"', "NaN", "{"],
  ...[DEEP, NUMBERS, ODD_NUMBERS, BINARY, ACTING, "[[[1]]]", "[1,2,[3]]"],
  JSON.stringify({ leader: ACTING, member: ACTING, sync_standby: ACTING }),
  JSON.stringify({ optime: "-1", slots: { [ACTING]: -5 }, retain_slots: 7 }),
  JSON.stringify({ __proto__: { a: 1 }, constructor: { prototype: 1 } }),
];

const KEYS = [
  ...["status", "optime/leader", "history", "sync", "failsafe", "failover"],
  ...["config", "members/ghost", "members/", "members/a/b", "no/such/key"],
];

async function attackForms(
  cluster: AgentCluster,
  vandal: Vandal,
): Promise<void> {
  for (const value of FORMS) {
    // What is for the leader to clean up must not be called a request.
    await Promise.all(KEYS.map((key) => vandal.put(key, value)));
    await vandal.putRaw(BINARY.subarray(128, 200), value);
    await vandal.put(`members/${ACTING}`, value);
  }
  await untilLoops(cluster);
}

const FOREIGN_CONFIGS = [
  { postgresql: { parameters: { "work_mem = 1\nfsync": "off" } } },
  { postgresql: { parameters: { work_mem: "1MB'\nfsync = off #" } } },
  { postgresql: { parameters: "x", pg_hba: { a: 1 }, use_slots: [] } },
  { slots: { "x'; drop table y; --": { type: "physical" }, a: [] } },
  { ignore_slots: [null, 1, "x", { name: ACTING }] },
  { standby_cluster: [], synchronous_mode: {}, tags: 7, pause: "maybe" },
];

async function attackConfig(
  cluster: AgentCluster,
  vandal: Vandal,
  config: string,
): Promise<void> {
  for (const part of FOREIGN_CONFIGS) {
    await vandal.put(
      "config",
      JSON.stringify({ ...JSON.parse(config), ...part }),
    );
    await untilLoops(cluster);
  }
  await vandal.put("config", config);
}

async function attackSize(
  cluster: AgentCluster,
  vandal: Vandal,
): Promise<void> {
  const numbers = Array.from({ length: 100_000 }, (_, at) => [at, at, "x"]);
  await vandal.put("history", JSON.stringify(numbers).slice(0, LARGE));
  for (const key of ["status", "sync", "failsafe", "members/ghost"]) {
    await vandal.put(key, `{"x":"${"y".repeat(LARGE)}"}`);
  }
  await vandal.put("no/such/key", "z".repeat(LARGE));
  await untilLoops(cluster);
  await vandal.dropAll("no/");
  await vandal.drop("members/ghost");
}

async function attackCount(
  cluster: AgentCluster,
  vandal: Vandal,
): Promise<void> {
  const value = JSON.stringify({
    conn_url: "postgres://127.0.0.1:1/postgres",
    api_url: "http://127.0.0.1:1/patroni",
    ...{ state: "running", role: "replica", xlog_location: 1, timeline: 1 },
  });
  for (let at = 0; at < MEMBERS; at += MEMBERS_AT_ONCE) {
    const names = Array.from({ length: MEMBERS_AT_ONCE }, (_, i) => at + i);
    await vandal.putMany(names.map((n) => `members/x${n}`), value);
  }
  await untilLoops(cluster);
  await vandal.dropAll("members/x");
}

/** As fast as one client can, on the keys that wake a loop. */
async function attackSpeed(
  cluster: AgentCluster,
  vandal: Vandal,
  config: string,
): Promise<void> {
  const other = JSON.stringify({
    ...JSON.parse(config),
    maximum_lag_on_failover: 7,
  });
  for (let at = 0; at < CHURN_WRITES / CHURN_BATCH; at++) {
    await Promise.all(Array.from({ length: CHURN_BATCH }, (_, i) => {
      const n = at * CHURN_BATCH + i;
      switch (n % 4) {
        case 0:
          return vandal.put("config", n % 8 === 0 ? config : other);
        case 1:
          return vandal.put(`members/y${n % 50}`, `{"n":${n}}`);
        case 2:
          return vandal.drop(`members/y${(n + 25) % 50}`);
        default:
          return vandal.put("status", `{"optime":${n}}`);
      }
    }));
  }
  await vandal.put("config", config);
  await vandal.dropAll("members/y");
  await untilLoops(cluster);
}

function assertQuiet(cluster: AgentCluster, asker: Asker, what: string): void {
  const said = cluster.logs().split("\n").filter((line) =>
    /[Pp]roxy|Route changed|Demoting|promoted|Unexpected/.test(line)
  ).slice(-LINES_TOLD).join("\n");
  assert.equal(asker.failure, null, `${what}: the session was cut\n${said}`);
  const text = cluster.logs();
  assert.doesNotMatch(text, /Unexpected failure of a cycle/, what);
  assert.equal(cluster.member("n2").log().includes("promoted self"), false);
  assert.equal(cluster.member("n1").log().includes("Demoting self"), false);
}

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a vandal in the store crashes, freezes and promotes nobody" +
      (SKIP === null ? "" : ` (skipped: ${SKIP})`),
    ignore: SKIP !== null,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using cluster = await AgentCluster.running({
        ...{ dcs: "etcd", members: 2, hasProxies: true },
        bootstrapDcs: { loop_wait: 1 },
      });
      const [endpoint = ""] = cluster.etcd?.endpoints ?? [];
      using vandal = new Vandal(endpoint);
      const config = await vandal.get("config") ?? "";
      const one = cluster.member("n1");
      const pids = cluster.members.map((m) => [m.pid, m.proxyPid()]);
      const logged = cluster.logs().length;
      {
        await using asker = new Asker(one.place.proxyPorts?.primary ?? 0);
        const steps = [
          ["forms", () => attackForms(cluster, vandal)],
          ["config", () => attackConfig(cluster, vandal, config)],
          ["size", () => attackSize(cluster, vandal)],
          ["count", () => attackCount(cluster, vandal)],
          ["speed", () => attackSpeed(cluster, vandal, config)],
        ] as const;
        for (const [what, attack] of steps) {
          await attack();
          assertQuiet(cluster, asker, what);
        }
      }
      assert.deepEqual(
        cluster.members.map((m) => [m.pid, m.proxyPid()]),
        pids,
        "no process has ended",
      );
      assert.equal((await one.sql("SHOW fsync"))[0]?.["fsync"], "off");
      assert.equal((await one.sql("SHOW work_mem"))[0]?.["work_mem"], "4MB");
      assert.ok(cluster.logs().length - logged < LOG_BYTES_MAX, "logs");
      await cluster.untilWhole();
      // A leader who is nobody, for ever: nobody writes, nobody is promoted.
      await vandal.put("leader", "ghost");
      await cluster.until("nobody writes", async () => {
        const roles = await Promise.all(cluster.members.map(isWritable));
        return !roles.includes(true);
      });
      await untilLoops(cluster);
      assert.deepEqual(
        await Promise.all(cluster.members.map(isWritable)),
        [false, false],
      );
      await vandal.drop("leader");
      await cluster.untilWhole();
    },
  });
});

/** An instance that is down, because there is nobody whom it could follow, is not writable either. */
async function isWritable(member: AgentMember): Promise<boolean> {
  try {
    const [row] = await member.sql("SELECT pg_is_in_recovery() AS r");
    return row?.["r"] === false;
  } catch {
    return false;
  }
}
