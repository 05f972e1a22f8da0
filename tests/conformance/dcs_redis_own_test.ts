/**
 * What the port does not say of every store, on a real Redis: which servers are
 * refused and how, logins, and what a failover to a replica that lacks the last
 * changes can and cannot do.
 */
import assert from "node:assert/strict";
import type { RedisOptions } from "../../lib/adapters/redis/options.ts";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { Wanted } from "../../lib/config/fields.ts";
import { readStore } from "../../lib/config/stores/all.ts";
import type { SessionId } from "../../lib/core/base/units.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
} from "../../lib/ports/errors.ts";
import { freePort } from "../helpers/free_ports.ts";
import { RedisServer, redisSkipReason } from "../helpers/redis.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { certificate } from "./dcs_etcd_access.ts";
import {
  contents,
  eventually,
  guardedPut,
  isRefused,
  LIMITS,
  put,
  SHORT_LIMITS,
} from "./dcs_fixture.ts";
import { redisDcs } from "./dcs_redis_access.ts";

const skipReason = redisSkipReason();
const suffix = skipReason === null ? "" : ` (skipped: ${skipReason})`;
const ABSENT = { kind: "absent" } as const;
const TTL_MS = 4000;
const HOST = "127.0.0.1";

function redisTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: name + suffix, ignore: skipReason !== null, fn });
}

async function withDcs(
  port: number,
  options: Partial<RedisOptions>,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const dcs = redisDcs(port, options);
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}

redisTest("a server that may forget is refused", async () => {
  const cases:
    readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
      [{ appendonly: "no" }, /must have appendonly yes and appendfsync always/],
      [
        { appendfsync: "everysec" },
        /appendfsync always.*it is everysec|is every/,
      ],
      [{ "maxmemory-policy": "allkeys-lru" }, /noeviction.*has allkeys-lru/],
      [{ "cluster-enabled": "yes" }, /part of a Redis Cluster/],
    ];
  for (const [settings, text] of cases) {
    await using server = await RedisServer.start(settings);
    for (const isLossAccepted of [false, true]) {
      await withDcs(server.port, { isLossAccepted }, async (dcs) => {
        await isRefused(dcs.readFresh(LIMITS), text);
        await isRefused(dcs.openSession(20_000, LIMITS), text);
        await isRefused(put(dcs, "a", "1"), text);
      });
    }
  }
});

redisTest(
  "a replicated server is refused, also if it becomes one",
  async () => {
    await using server = await RedisServer.start();
    await withDcs(server.port, {}, async (dcs) => {
      await put(dcs, "config", "{}");
      await using replica = await RedisServer.start({
        replicaof: `${HOST} ${server.port}`,
      });
      await eventually(
        async () => (await server.ask("ROLE")).includes(String(replica.port)),
        () => "the replica does not follow",
      );
      const call = dcs.readFresh(LIMITS);
      await isRefused(call, /has replicas.*or set accept_data_loss: true/);
      await withDcs(server.port, { isLossAccepted: true }, async (other) => {
        await isRefused(
          put(other, "a", "1"),
          /must have min-replicas-to-write 1/,
        );
        await server.ask("CONFIG", "SET", "min-replicas-to-write", "1");
        await server.ask("CONFIG", "SET", "min-replicas-max-lag", "30");
        await isRefused(
          put(other, "a", "1"),
          /min-replicas-max-lag 10 or less/,
        );
        await server.ask("CONFIG", "SET", "min-replicas-max-lag", "5");
        await put(other, "a", "1");
        assert.deepEqual(await contents(other), { a: "1", config: "{}" });
      });
      await withDcs(replica.port, {}, async (other) => {
        const call = other.readFresh(SHORT_LIMITS);
        await isRefused(call, /is a replica/, DcsUnreachableError);
      });
      // Of several hosts the master is used.
      const hosts = [freePort(), replica.port, server.port]
        .map((port) => ({ host: HOST, port }));
      const warnings: string[] = [];
      await withDcs(0, {
        ...{ hosts, isLossAccepted: true },
        warn: (text) => warnings.push(text),
      }, async (other) => {
        assert.deepEqual(await contents(other), { a: "1", config: "{}" });
      });
      assert.match(
        warnings.join(),
        /accept_data_loss.*can lose what it has conf/,
      );
    });
  },
);

redisTest("a restart loses nothing and frees nobody's lead", async () => {
  await using server = await RedisServer.start();
  await withDcs(server.port, {}, async (dcs) => {
    const { id: session } = await dcs.openSession(20_000, LIMITS);
    const lead = { value: "n1", guard: ABSENT, session };
    assert.equal((await guardedPut(dcs, "leader", lead)).kind, "done");
    await server.kill();
    await server.startAgain();
    assert.equal(await dcs.renewSession(session, LIMITS), "alive");
    assert.deepEqual(await contents(dcs), { leader: "n1" });
  });
});

redisTest("logins and rights that do not fit are told apart", async () => {
  const cli = ["--user", "default", "--pass", "one", "--no-auth-warning"];
  await using server = await RedisServer.start({ requirepass: "one" }, cli);
  const as = (username: string | null, password: string | null) => ({
    login: () => ({ username, password }),
  });
  await withDcs(server.port, {}, async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /login do not fit: NOAUTH/);
  });
  await withDcs(server.port, as(null, "two"), async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /login do not fit: WRONGPASS/);
  });
  await server.ask("ACL", "SETUSER", "poor", "on", ">p", "~*", "&*", "+info");
  await withDcs(server.port, as("poor", "p"), async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /rights to keep a scope.*NOPERM/);
  });
  await server.ask(
    ...["ACL", "SETUSER", "keeper", "on", ">k", "~matriarch:*", "&matriarch:*"],
    ...["+eval", "+hget", "+hmget", "+hset", "+publish", "+subscribe"],
    ...["+info", "+config|get", "+wait", "+hello", "+select"],
    ...["+client|setname"],
  );
  let password = "k";
  const login = { login: () => ({ username: "keeper", password }) };
  await withDcs(server.port, login, async (dcs) => {
    await put(dcs, "config", "{}");
    assert.deepEqual(await contents(dcs), { config: "{}" });
    await server.ask("ACL", "SETUSER", "keeper", "resetpass", ">l");
    await server.cutConnections();
    await isRefused(dcs.readFresh(LIMITS), /login do not fit: WRONGPASS/);
    password = "l";
    assert.deepEqual(await contents(dcs), { config: "{}" });
  });
  const url = `redis://:one@${HOST}:${server.port}/3`;
  await throughSection({ url }, async (dcs) => {
    assert.deepEqual(await contents(dcs), {});
    await put(dcs, "a", "1");
  });
  assert.equal(await server.ask("-n", "3", "DBSIZE"), "1");
});

redisTest("certificates of the section open it, others do not", async () => {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
  try {
    const ca = await certificate(folder, "ca", null);
    const stranger = await certificate(folder, "stranger", null);
    const pair = await certificate(folder, "server", ca);
    const client = await certificate(folder, "client", ca);
    const tlsPort = freePort();
    await using server = await RedisServer.start({
      ...{ "tls-port": String(tlsPort), "tls-ca-cert-file": ca.cert },
      ...{ "tls-cert-file": pair.cert, "tls-key-file": pair.key },
    });
    const hosts = `${HOST}:${tlsPort}`;
    const own = { cert: client.cert, key: client.key };
    for (
      const section of [
        { hosts, use_ssl: true, cacert: ca.cert, ...own },
        { url: `rediss://${hosts}`, cacert: ca.cert, ...own },
        { url: `rediss://${hosts}`, verify: false, ...own },
      ]
    ) {
      await throughSection(section, async (dcs) => {
        await put(dcs, "config", JSON.stringify(section));
        const { config } = await contents(dcs);
        assert.equal(config, JSON.stringify(section));
      });
    }
    for (
      const section of [
        { hosts, use_ssl: true, cacert: stranger.cert, ...own },
        { hosts, use_ssl: true, ...own },
        { hosts, use_ssl: true, cacert: ca.cert },
        { hosts: `${HOST}:${server.port}`, use_ssl: true, cacert: ca.cert },
      ]
    ) {
      await throughSection(section, async (dcs) => {
        const call = dcs.readFresh(SHORT_LIMITS);
        await isRefused(call, /Cannot reach Redis/, DcsUnreachableError);
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

redisTest("a server of another kind on the port is named as one", async () => {
  const greetings = [
    "220 mail ready\r\n",
    "HTTP/1.1 400 no\r\n\r\n",
    "+OK\r\n",
  ];
  for (const greeting of greetings) {
    const listener = Deno.listen({ port: 0, hostname: HOST });
    const talking = (async () => {
      for await (const connection of listener) {
        await connection.write(new TextEncoder().encode(greeting));
        await connection.read(new Uint8Array(100)).catch(() => null);
        connection.close();
      }
    })();
    await withDcs(listener.addr.port, {}, async (dcs) => {
      await assert.rejects(dcs.readFresh(SHORT_LIMITS), (error) => {
        const isNamed = error instanceof DcsRefusedError &&
          /is not Redis/.test(error.message);
        // One that speaks the protocol and hangs up may be a Redis that ends.
        const isGone = error instanceof DcsUnreachableError &&
          greeting.startsWith("+");
        assert.ok(isNamed || isGone, Deno.inspect(error));
        return true;
      });
    });
    listener.close();
    await talking;
  }
  const silent = Deno.listen({ port: 0, hostname: HOST });
  await withDcs(silent.addr.port, {}, async (dcs) => {
    const call = dcs.readFresh(SHORT_LIMITS);
    await isRefused(call, /Cannot reach Redis/, DcsUnreachableError);
  });
  silent.close();
});

redisTest("what a stranger wrote is refused", async () => {
  await using server = await RedisServer.start();
  await withDcs(server.port, {}, async (dcs) => {
    await put(dcs, "config", "{}");
    const key = "matriarch:{/service/batman}";
    await server.ask(
      "HSET",
      key,
      "document",
      "[]",
      "version",
      "9.00000000000000aa",
    );
    await isRefused(dcs.readFresh(LIMITS), /is no document of Matriarch's/);
    await server.ask("HSET", key, "version", "x");
    await isRefused(put(dcs, "config", "1"), /has no version of Matriarch's/);
    await server.ask("HDEL", key, "document");
    await isRefused(dcs.readFresh(LIMITS), /is not ours/);
    await server.ask("SET", key, "text");
    await isRefused(dcs.readFresh(LIMITS), /refuses: .*WRONGTYPE/);
  });
});

/** A master and two replicas, the second behind a link that can be severed. */
async function withReplicas(
  use: (servers: {
    readonly master: RedisServer;
    readonly near: RedisServer;
    readonly far: RedisServer;
    readonly farLink: SeverableLink;
    readonly nearLink: SeverableLink;
  }) => Promise<void>,
): Promise<void> {
  const settings = {
    "min-replicas-to-write": "1",
    "min-replicas-max-lag": "10",
  };
  await using master = await RedisServer.start(settings);
  await using nearLink = new SeverableLink(master.port);
  await using farLink = new SeverableLink(master.port);
  await using near = await RedisServer.start({
    ...{ replicaof: `${HOST} ${nearLink.port}` },
    ...settings,
  });
  await using far = await RedisServer.start({
    ...{ replicaof: `${HOST} ${farLink.port}` },
    ...settings,
  });
  await eventually(
    async () =>
      (await master.ask("INFO", "replication")).match(/state=online/g)
        ?.length === 2,
    () => "the replicas do not follow",
  );
  await use({ master, near, far, farLink, nearLink });
}

redisTest("without WAIT a failover gives a lock to two", async () => {
  await withReplicas(async ({ master, far, farLink }) => {
    farLink.sever();
    assert.equal(await master.ask("SET", "lock", "n1", "NX"), "OK");
    await master.kill();
    await far.ask("REPLICAOF", "NO", "ONE");
    await far.ask("CONFIG", "SET", "min-replicas-to-write", "0");
    assert.equal(await far.ask("SET", "lock", "n2", "NX"), "OK");
  });
});

/** n2 bids until it leads; how long that took, and what it was told first. */
async function bidUntilDone(
  dcs: Dcs,
  session: SessionId,
): Promise<readonly string[]> {
  const answers: string[] = [];
  await eventually(
    async () => {
      try {
        await dcs.renewSession(session, LIMITS);
        const bid = { value: "n2", guard: ABSENT, session };
        answers.push((await guardedPut(dcs, "leader", bid)).kind);
      } catch (error) {
        assert.ok(error instanceof DcsUnreachableError, String(error));
      }
      return answers.at(-1) === "done";
    },
    () => answers,
    60_000,
  );
  return answers;
}

redisTest("with WAIT nobody is granted what no replica has", async () => {
  await withReplicas(async ({ master, far, near, farLink, nearLink }) => {
    const hosts = [master, far].map(({ port }) => ({ host: HOST, port }));
    const options = { hosts, isLossAccepted: true };
    await withDcs(0, options, (n1) =>
      withDcs(0, options, async (n2) => {
        const { id: two } = await n2.openSession(TTL_MS, LIMITS);
        const { id: one } = await n1.openSession(TTL_MS, LIMITS);
        await eventually(
          async () => (await document(far)).includes(two),
          () => "the far replica does not follow",
        );
        nearLink.sever();
        farLink.sever();
        const lead = { value: "n1", guard: ABSENT, session: one };
        const edits = [{ kind: "put", key: "leader", ...lead }] as const;
        const write = { when: [{ ...ABSENT, key: "leader" }], edits };
        await isRefused(
          n1.write(write, SHORT_LIMITS),
          /0 replicas that took the change in time, and 1 must have it/,
          DcsUnreachableError,
        );
        await master.kill();
        await promote(far, near);
        const answers = await bidUntilDone(n2, two);
        assert.equal(answers[0], "condition_failed");
      }));
  });
});

redisTest("the era guard covers a failover to the wrong replica", async () => {
  await withReplicas(async ({ master, far, near, farLink }) => {
    const hosts = [master, far].map(({ port }) => ({ host: HOST, port }));
    const options = { hosts, isLossAccepted: true };
    await withDcs(0, options, (n1) =>
      withDcs(0, options, async (n2) => {
        const { id: two } = await n2.openSession(TTL_MS, LIMITS);
        await put(n2, "mark", "1");
        await eventually(
          async () => (await document(far)).includes("mark"),
          () => "the far replica does not follow",
        );
        farLink.sever();
        const { id: one } = await n1.openSession(TTL_MS, LIMITS);
        const lead = { value: "n1", guard: ABSENT, session: one };
        // The near replica has it, so it is granted.
        assert.equal((await guardedPut(n1, "leader", lead)).kind, "done");
        const granted = performance.now();
        await master.kill();
        await promote(far, near);
        const answers = await bidUntilDone(n2, two);
        const heldMs = performance.now() - granted;
        assert.equal(answers[0], "condition_failed");
        assert.ok(heldMs >= TTL_MS, `granted again after ${heldMs} ms`);
        assert.equal(await n1.renewSession(one, LIMITS), "gone");
      }));
  });
});

/** What a server has of the scope. */
function document(server: RedisServer): Promise<string> {
  return server.ask("HGET", "matriarch:{/service/batman}", "document");
}

/** The far replica becomes the master, and the near one follows it. */
async function promote(far: RedisServer, near: RedisServer): Promise<void> {
  await far.ask("REPLICAOF", "NO", "ONE");
  await near.ask("REPLICAOF", HOST, String(far.port));
}

redisTest("a Sentinel names the master", async () => {
  await withReplicas(async ({ master }) => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-sentinel-" });
    const port = freePort();
    const file = `${folder}/sentinel.conf`;
    await Deno.writeTextFile(
      file,
      `port ${port}\nbind ${HOST}\nsentinel monitor lead ${HOST} ${master.port} 1\n`,
    );
    const child = new Deno.Command("redis-server", {
      args: [file, "--sentinel"],
      ...{ stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    try {
      const hosts = [{ host: HOST, port }];
      const options = { hosts, sentinelMaster: "lead", isLossAccepted: true };
      await withDcs(0, options, async (dcs) => {
        await eventually(
          () => put(dcs, "config", "{}").then(() => true, () => false),
          () => "the Sentinel names nobody",
        );
        assert.deepEqual(await contents(dcs), { config: "{}" });
      });
      await withDcs(0, { ...options, isLossAccepted: false }, async (dcs) => {
        await isRefused(dcs.readFresh(LIMITS), /has replicas/);
      });
      await withDcs(0, { ...options, sentinelMaster: "no" }, async (dcs) => {
        await isRefused(dcs.readFresh(LIMITS), /knows no master "no"/);
      });
    } finally {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    }
  });
});

async function throughSection(
  section: Readonly<Record<string, unknown>>,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const config = readStore({ redis: section });
  assert.ok(!(config instanceof Wanted), Deno.inspect(config));
  const place = { namespace: "service", scope: "batman", group: null };
  const dcs = await openDcsTarget({ config, ...place });
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}
