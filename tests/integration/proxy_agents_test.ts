/**
 * What agents tell to proxies without access to the store, over real sockets:
 * changes arrive, an agent that is cut off, frozen or of another cluster misleads
 * nobody, strangers are not believed, and nothing is done while nobody asks.
 */
import assert from "node:assert/strict";
import { DcsAgents } from "../../lib/adapters/agents/dcs_agents.ts";
import { ROUTES_PATH } from "../../lib/core/codec/route_feed_codec.ts";
import type { AgentTls } from "../../lib/adapters/agents/agent_stream.ts";
import type { DcsChange } from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { issued } from "../helpers/certificates.ts";
import { KeptLog, RealClock, until } from "../helpers/tcp.ts";
import { untilIt } from "../helpers/wait.ts";
import { TellingAgent } from "../helpers/told_routes.ts";
import { MemoryDcs } from "../sim/dcs_memory.ts";
import { MemoryStore } from "../sim/dcs_memory_store.ts";
import { KeyWriter } from "./proxy_rig.ts";

const NO_TLS: AgentTls = { ca: null, cert: null, key: null, passphrase: null };

/** A proxy's side. */
class Told implements AsyncDisposable {
  readonly log = new KeptLog();
  readonly changes: DcsChange[] = [];
  readonly dcs: DcsAgents;
  readonly #ending = new AbortController();

  constructor(urls: readonly string[], tls: AgentTls = NO_TLS) {
    this.dcs = new DcsAgents({
      ...{ urls, scope: "demo", clock: new RealClock(), log: this.log },
      tls: () => Promise.resolve(tls),
    });
    this.dcs.watch({
      onChange: (change) => this.changes.push(change),
      onReset: () => {},
    }, this.#ending.signal);
  }

  async values(): Promise<Readonly<Record<string, string>>> {
    const { entries } = await this.dcs.read({ timeoutMs: 5_000 });
    return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
  }

  async untilLeader(name: string | undefined): Promise<void> {
    await until(
      `the leader is ${name}`,
      async () => (await this.values())["leader"] === name,
      () => this.log.lines,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.dcs.close();
  }
}

/** A store with a leader, and who writes to it. */
async function scene() {
  const clock = new RealClock();
  const store = new MemoryStore(clock);
  const keys = new KeyWriter(new MemoryDcs(store, "/service/demo"));
  await keys.primary("n1", 5432);
  await keys.lead("n1");
  return { clock, store, keys };
}

Deno.test("what agents tell is what a proxy would read, less what is no proxy's business", async () => {
  const { clock, keys, store } = await scene();
  await keys.put("status", '{"optime":77,"slots":{"n2":5}}');
  await keys.put(
    "config",
    JSON.stringify({
      ttl: 20,
      failsafe_mode: true,
      standby_cluster: { host: "h", password: "secret-1" },
      postgresql: { parameters: { archive_command: "secret-2" } },
    }),
  );
  await keys.put("history", "[[1,2,3]]");
  await using agent = await TellingAgent.open(store, { clock });
  await using told = new Told([agent.url]);
  const values = await told.values();
  assert.deepEqual(Object.keys(values), [
    "config",
    "leader",
    "members/n1",
    "status",
  ]);
  assert.equal(values["status"], '{"optime":77}');
  assert.deepEqual(JSON.parse(values["config"] ?? ""), {
    ttl: 20,
    failsafe_mode: true,
    standby_cluster: { host: "told" },
  });

  await keys.lead("n2");
  await told.untilLeader("n2");
  await keys.replica("n3", 5433);
  await until(
    "the member is told",
    async () => "members/n3" in await told.values(),
  );
  await keys.remove("leader");
  await told.untilLeader(undefined);
  const leaders = told.changes.filter(({ key }) => key === "leader");
  assert.deepEqual(leaders.map(({ value }) => value), ["n2", null]);
  await assert.rejects(told.dcs.write(), { name: "DcsRefusedError" });
  await keys.dcs.close();
});

Deno.test("agents read nothing while nobody asks them", async () => {
  const { clock, keys, store } = await scene();
  await using agent = await TellingAgent.open(store, { clock });
  await keys.lead("n2");
  assert.equal(agent.reads, 0);
  {
    await using told = new Told([agent.url]);
    await told.untilLeader("n2");
    assert.ok(agent.reads > 0);
  }
  const answer = await fetch(`${agent.url}${ROUTES_PATH}`, { method: "POST" });
  await answer.body?.cancel();
  assert.equal(answer.status, 501);
  await keys.lead("n1");
  await using again = new Told([agent.url]);
  await again.untilLeader("n1");
  await keys.dcs.close();
});

Deno.test("an agent that is cut off from the store misleads nobody", async () => {
  const { clock, keys, store } = await scene();
  await using cut = await TellingAgent.open(store, { clock });
  await using good = await TellingAgent.open(store, { clock });
  await using told = new Told([cut.url, good.url]);
  await told.untilLeader("n1");
  await until(
    "both tell",
    () =>
      told.log.lines.filter((line) => /tells the routes/.test(line)).length ===
        2,
    () => told.log.lines,
  );
  cut.dcs.cutOff();
  await keys.lead("n2");
  await told.untilLeader("n2");
  // It goes on to tell what it knows, and nobody listens.
  const before = told.changes.length;
  await until("the old one has spoken again", async () => {
    await told.values();
    return clock.now() - (told.dcs.confirmedAt() ?? 0) < 100;
  });
  assert.equal((await told.values())["leader"], "n2");
  assert.deepEqual(
    told.changes.slice(before).filter(({ key }) => key === "leader"),
    [],
  );
  await good[Symbol.asyncDispose]();
  await untilIt("nobody knows any more", async () => {
    const error = await told.dcs.read({ timeoutMs: 100 })
      .then(() => null, (error) => error);
    return error instanceof DcsUnreachableError &&
      /its store has not answered it for \d+ s/.test(error.message);
  }, { limitMs: 60_000 });
  await keys.dcs.close();
});

Deno.test("an agent that is silent, gone or of another cluster holds nobody up", async () => {
  const { clock, keys, store } = await scene();
  await using good = await TellingAgent.open(store, { clock });
  await using other = await TellingAgent.open(store, {
    clock,
    scope: "another",
  });
  // Its kernel takes connections, and nobody answers, as of a frozen agent.
  using frozen = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const urls = [
    `http://127.0.0.1:${frozen.addr.port}`,
    "http://127.0.0.1:1",
    other.url,
    good.url,
  ];
  await using told = new Told(urls);
  await told.untilLeader("n1");
  await keys.lead("n2");
  await told.untilLeader("n2");
  await until("the others are named", () => {
    const lines = told.log.lines.join("\n");
    return /it tells of scope "another"/.test(lines);
  }, () => told.log.lines);
  await keys.dcs.close();
});

Deno.test("only an agent with a certificate of the authority is believed", async () => {
  const { clock, keys, store } = await scene();
  const folder = await Deno.makeTempDir({ prefix: "matriarch-agents-" });
  try {
    const [own, strange] = [
      await issued(folder, "own"),
      await issued(folder, "strange"),
    ];
    const read = (path: string) => Deno.readTextFile(path);
    const tls = {
      cert: await read(own.cert),
      key: await read(own.key),
      passphrase: null,
      ca: await read(own.ca),
      ciphers: null,
      verifyClient: "required",
    } as const;
    await using agent = await TellingAgent.open(store, { clock, tls });
    const { ca, cert, key } = tls;
    await using told = new Told([agent.url], { ...NO_TLS, ca, cert, key });
    await told.untilLeader("n1");
    const strangers: readonly AgentTls[] = [
      { ...NO_TLS, ca: await read(strange.ca), cert, key },
      { ...NO_TLS, cert, key },
      { ...NO_TLS, ca },
    ];
    for (const one of strangers) {
      await using refused = new Told([agent.url], one);
      await assert.rejects(
        refused.dcs.read({ timeoutMs: 1_000 }),
        DcsUnreachableError,
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await keys.dcs.close();
});
