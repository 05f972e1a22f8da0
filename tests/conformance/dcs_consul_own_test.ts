/**
 * What the port does not say of every store, on a real Consul: when a lost
 * session's keys can be taken, what is refused and how, settings that reach the
 * server, the catalog.
 */
import assert from "node:assert/strict";
import { DcsConsul } from "../../lib/adapters/consul/dcs_consul.ts";
import type { ConsulOptions } from "../../lib/adapters/consul/options.ts";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { readStore } from "../../lib/config/stores/all.ts";
import { Wanted } from "../../lib/config/fields.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { ConsulServer } from "../helpers/consul.ts";
import { consulSkipReason } from "../helpers/consul_program.ts";
import { certificate } from "./dcs_etcd_access.ts";
import { ACCESS, consulOptions } from "./dcs_consul_access.ts";
import {
  contents,
  eventually,
  guardedPut,
  isRefused,
  LIMITS,
  put,
  SHORT_LIMITS,
} from "./dcs_fixture.ts";

const skipReason = consulSkipReason();
const suffix = skipReason === null ? "" : ` (skipped: ${skipReason})`;
const MANAGEMENT = "00000000-0000-0000-0000-00000000000a";
const ACL = `acl { enabled = true default_policy = "deny" tokens { ` +
  `master = "${MANAGEMENT}" agent_master = "${MANAGEMENT}" } }`;

function consulTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: name + suffix, ignore: skipReason !== null, fn });
}

async function withDcs(
  options: Partial<ConsulOptions> & Pick<ConsulOptions, "endpoint">,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const dcs = new DcsConsul(consulOptions(options));
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}

consulTest("a session that ends early leaves its keys to nobody", async () => {
  await withServer({}, async (server) => {
    const { endpoint } = server;
    await withDcs(
      { endpoint },
      (dcs) =>
        withDcs({ endpoint }, async (other) => {
          const [own, free] = [{ value: "n1" }, { value: "n2" }];
          const guard = { kind: "absent" } as const;
          const { id, ttlMs } = await dcs.openSession(4000, LIMITS);
          assert.equal(ttlMs, 4000);
          const session = (await other.openSession(60_000, LIMITS)).id;
          await guardedPut(dcs, "leader", { ...own, guard, session: id });
          await dcs.renewSession(id, LIMITS);
          const since = performance.now();
          // As when the Consul agent of the leader's host leaves its cluster.
          await server.ask("PUT", `session/destroy/${id}`);
          assert.deepEqual(await contents(other), {});
          const bid = () =>
            guardedPut(other, "leader", { ...free, guard, session });
          let heldMs = 0;
          await eventually(async () => {
            const isTaken = (await bid()).kind === "done";
            // By now it is; it may have been sent earlier than that.
            heldMs = performance.now() - since;
            return isTaken;
          }, () => "nobody ever gets the key");
          assert.ok(heldMs >= ttlMs, `taken after ${heldMs} ms of ${ttlMs}`);
          // A key that was given back waits for nothing.
          const edits = [{ kind: "delete", key: "leader" }] as const;
          await other.write({ when: [], edits }, LIMITS);
          assert.equal((await bid()).kind, "done");
        }),
    );
  });
});

consulTest("a lost member key waits, and says for what", async () => {
  await withServer({}, async (server) => {
    await withDcs({ endpoint: server.endpoint }, async (dcs) => {
      const guard = { kind: "none" } as const;
      const { id: old } = await dcs.openSession(20_000, LIMITS);
      await guardedPut(dcs, "members/n1", { value: "1", guard, session: old });
      await server.ask("PUT", `session/destroy/${old}`);
      const { id: session } = await dcs.openSession(20_000, LIMITS);
      const call = guardedPut(dcs, "members/n1", {
        value: "2",
        guard,
        session,
      });
      await isRefused(call, /"members\/n1" yet: .*lock delay/);
    });
  });
});

consulTest(
  "sessions are Patroni's kind, with the configured checks",
  async () => {
    await withServer({}, async (server) => {
      const { endpoint } = server;
      const info = async (id: string): Promise<Record<string, unknown>> => {
        const found = await server.ask("GET", `session/info/${id}`);
        assert.ok(Array.isArray(found));
        return Object(found[0]);
      };
      await withDcs({ endpoint }, async (dcs) => {
        const session = await info((await dcs.openSession(30_000, LIMITS)).id);
        const { Name, TTL, Behavior, LockDelay, NodeChecks } = session;
        assert.deepEqual([Name, TTL, Behavior, LockDelay, NodeChecks], [
          ...["batman-n1", "15000ms", "delete", 30e9],
          [],
        ]);
        // Consul's lock delay is a minute at most.
        assert.equal((await dcs.openSession(90_000, LIMITS)).ttlMs, 60_000);
      });
      await withDcs({ endpoint, checks: ["serfHealth"] }, async (dcs) => {
        const session = await info((await dcs.openSession(30_000, LIMITS)).id);
        assert.deepEqual(session["NodeChecks"], ["serfHealth"]);
      });
      await withDcs({ endpoint, checks: ["nope"] }, async (dcs) => {
        await isRefused(dcs.openSession(30_000, LIMITS), /nope/);
      });
    });
  },
);

consulTest(
  "a ttl below Consul's minimum is refused in one sentence",
  async () => {
    await withServer({ ttlMin: "10s" }, async ({ endpoint }) => {
      await withDcs({ endpoint }, async (dcs) => {
        const { ttlMinMs } = dcs.capabilities;
        assert.equal((await dcs.openSession(ttlMinMs, LIMITS)).ttlMs, ttlMinMs);
        await isRefused(
          dcs.openSession(19_000, LIMITS),
          /no session shorter than 10s \(session_ttl_min\).*raise ttl/,
        );
      });
    });
  },
);

consulTest(
  "a token that may not is refused, another one is used at once",
  async () => {
    await withServer({ hcl: [ACL] }, async (server) => {
      const { endpoint } = server;
      await eventually(
        async () => {
          const found = await server.ask("GET", "acl/tokens", {
            token: MANAGEMENT,
          });
          return Array.isArray(found);
        },
        () => "the token of the management is not there yet",
      );
      let token: string | null = null;
      const access = () => ({ ...ACCESS, token });
      await withDcs({ endpoint, access }, async (dcs) => {
        await isRefused(dcs.openSession(30_000, LIMITS), /does not allow this/);
        // Consul itself shows an empty scope, and that would be another cluster.
        await isRefused(dcs.read(LIMITS), /hides keys of this scope/);
        await isRefused(
          put(dcs, "config", "{}"),
          /put "config": Permission denied/,
        );
        token = "00000000-0000-0000-0000-00000000000b";
        await isRefused(dcs.openSession(30_000, LIMITS), /ACL not found/);
        token = MANAGEMENT;
        await put(dcs, "config", "{}");
        assert.deepEqual(await contents(dcs), { config: "{}" });
      });
    });
  },
);

consulTest("certificates of the section open it, others do not", async () => {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
  try {
    const ca = await certificate(folder, "ca", null);
    const stranger = await certificate(folder, "stranger", null);
    const pair = await certificate(folder, "server", ca);
    const client = await certificate(folder, "client", ca);
    const both = `${folder}/both.pem`;
    const texts = [client.cert, client.key].map(Deno.readTextFileSync);
    await Deno.writeTextFile(both, texts.join(""));
    const hcl = [
      `ca_file = "${ca.cert}"`,
      `cert_file = "${pair.cert}"`,
      `key_file = "${pair.key}"`,
      "verify_incoming_https = true",
    ];
    await withServer({ isTls: true, hcl }, async ({ endpoint, port }) => {
      const own = { cert: client.cert, key: client.key };
      for (
        const section of [
          { url: endpoint, cacert: ca.cert, ...own },
          { url: endpoint, cacert: ca.cert, cert: both },
          { url: endpoint, verify: false, ...own },
          {
            host: new URL(endpoint).host,
            scheme: "https",
            verify: "off",
            ...own,
          },
          { host: `127.0.0.1:${port}` },
        ]
      ) {
        await throughSection(section, async (dcs) => {
          await put(dcs, "config", JSON.stringify(section));
          const { config } = await contents(dcs);
          assert.equal(config, JSON.stringify(section));
        });
      }
      for (
        const [section, text] of [
          [{ url: endpoint, ...own }, /certificate|issuer/i],
          [
            { url: endpoint, cacert: stranger.cert, ...own },
            /certificate|issuer|signature/i,
          ],
          [{ url: endpoint, cacert: ca.cert }, /Cannot reach Consul/],
          [
            { url: `https://127.0.0.1:${port}`, cacert: ca.cert },
            /Cannot reach Consul/,
          ],
        ] as const
      ) {
        await throughSection(section, async (dcs) => {
          const call = dcs.readFresh(SHORT_LIMITS);
          await isRefused(call, text, DcsUnreachableError);
        });
      }
      const plain = { url: endpoint.replace("https", "http") };
      await throughSection(
        plain,
        (dcs) =>
          isRefused(dcs.readFresh(LIMITS), /takes TLS only: use scheme https/),
      );
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a server of another kind on the port is named as one", async () => {
  const answers: readonly (readonly [number, string, RegExp])[] = [
    [200, "<html>", /is not Consul: status 200, <html>/],
    [404, "404 page not found", /is not Consul: status 404/],
    [301, "", /is not Consul: status 301/],
    [200, "{}", /is not Consul/],
  ];
  for (const [status, body, text] of answers) {
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      () => new Response(body, { status }),
    );
    const endpoint = `http://127.0.0.1:${server.addr.port}`;
    await withDcs({ endpoint }, async (dcs) => {
      const edits = [{ kind: "delete", key: "x" }] as const;
      await isRefused(dcs.readFresh(LIMITS), text);
      await isRefused(dcs.read(LIMITS), text);
      if (body === "{}") return;
      await isRefused(dcs.write({ when: [], edits }, LIMITS), text);
      await isRefused(dcs.openSession(30_000, LIMITS), text);
    });
    await server.shutdown();
  }
});

consulTest("a member registers as a service, and leaves it again", async () => {
  await withServer({}, async (server) => {
    const warnings: string[] = [];
    const member = {
      ...{ scope: "bat_man", name: "n1" },
      warn: (text: string) => warnings.push(text),
    };
    const service = { ...ACCESS.service, isRegistered: true, tags: ["blue"] };
    const access = () => ({ ...ACCESS, service });
    const services = async (): Promise<Record<string, unknown>> =>
      Object(await server.ask("GET", "agent/services"));
    const { endpoint } = server;
    await withDcs({ endpoint, access, member }, async (dcs) => {
      const { id: session } = await dcs.openSession(30_000, LIMITS);
      const write = (state: string) =>
        guardedPut(dcs, "members/n1", {
          value: JSON.stringify({
            conn_url: "postgres://127.0.0.1:5433/postgres",
            api_url: "http://127.0.0.1:8008/patroni",
            ...{ state, role: "primary" },
          }),
          guard: { kind: "none" },
          session,
        });
      await write("running");
      await eventually(
        async () => "bat_man/n1" in await services(),
        () => warnings,
      );
      const entry = Object((await services())["bat_man/n1"]);
      assert.deepEqual([entry.Service, entry.Port, entry.Tags], [
        ...["bat-man", 5433],
        ["blue", "primary", "master"],
      ]);
      await write("stopped");
      await eventually(async () => {
        await dcs.renewSession(session, LIMITS);
        return !("bat_man/n1" in await services());
      }, () => warnings);
      assert.deepEqual(warnings, []);
    });
  });
});

async function withServer(
  options: Parameters<typeof ConsulServer.start>[0],
  use: (server: ConsulServer) => Promise<void>,
): Promise<void> {
  await using server = await ConsulServer.start(options);
  await use(server);
}

async function throughSection(
  section: Readonly<Record<string, unknown>>,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const config = readStore({ consul: section });
  assert.ok(!(config instanceof Wanted), JSON.stringify(section));
  const place = { namespace: "service", scope: "batman", group: null };
  const dcs = await openDcsTarget({ config, ...place });
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}
