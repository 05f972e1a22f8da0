/**
 * What a collector of traces hears of real members: of their cycles, and of a
 * failover; and that a collector that hangs holds up nobody.
 */
import assert from "node:assert/strict";
import { decodeFailovers } from "../../lib/core/codec/failovers_codec.ts";
import type { FailoverRecord } from "../../lib/core/model/failover.ts";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { type CollectedSpan, Collector } from "../helpers/collector.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const KEY = "key-of-the-collector";

unprivileged(import.meta.url, () => {
  Deno.test("traces of cycles and of a failover", async (t) => {
    await using collector = new Collector();
    await using silent = new Collector(() => "never");
    await using cluster = await AgentCluster.create({
      ...{ isQuick: true, hasProxies: true },
      change: (config, { name }) =>
        name === "n3" ? { ...config, tags: { nofailover: true } } : config,
    });
    for (const member of cluster.members) {
      const { url } = member.name === "n3" ? silent : collector;
      member.environment = {
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_BSP_SCHEDULE_DELAY: "200",
        OTEL_EXPORTER_OTLP_HEADERS: `x-key=${KEY}`,
      };
    }
    await cluster.startAll();
    await cycles(t, cluster, collector);
    await keyIsKept(t, cluster, collector);
    await hanging(t, cluster, silent);
    await failover(t, cluster, collector);
  });

  Deno.test("variables that lead nowhere are told, and nothing else happens", async () => {
    await using cluster = await AgentCluster.create({ members: 1 });
    const [n1] = cluster.members;
    assert.ok(n1 !== undefined);
    n1.environment = { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" };
    n1.start();
    await cluster.untilLeader();
    assert.match(
      n1.log(),
      /WARNING: No traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT is no http/,
    );
  });
});

async function cycles(
  t: Deno.TestContext,
  cluster: AgentCluster,
  collector: Collector,
): Promise<void> {
  for (const [name, lead] of [["n1", "self"], ["n2", "other"]] as const) {
    await step(t, `a cycle of ${name}`, async () => {
      // A cycle that was woken early finds the lease fresh.
      const isRenewal = (span: CollectedSpan): boolean =>
        collector.childrenOf(span).some((each) => each.name === "renew_lease");
      const root = await cluster.until("a cycle came", () =>
        Promise.resolve(
          collector.roots("ha cycle").findLast((span) =>
            span.attributes["matriarch.member"] === name &&
            span.attributes["matriarch.lead"] === lead &&
            span.attributes["matriarch.decision"] === "wait" &&
            isRenewal(span) === (name === "n1")
          ) ?? null,
        ));
      assertCycle(root, collector);
      const { attributes } = root;
      assert.equal(attributes["matriarch.cluster"], "batman");
      assert.equal(attributes["matriarch.paused"], false);
      assert.equal(root.resource["service.name"], "matriarch");
      assert.equal(root.resource["service.instance.id"], name);
    });
  }
}

/** Its steps fill it, one after the other, and say by which rule. */
function assertCycle(root: CollectedSpan, collector: Collector): void {
  assert.equal(root.error, "");
  const steps = collector.childrenOf(root);
  const names = steps.map(({ name }) => name);
  assert.equal(names[0], "observe");
  assert.equal(names.at(-1), "publish");
  const [first, last] = [steps[0], steps.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  assert.equal(first.startMs, root.startMs);
  assert.equal(last.endMs, root.endMs);
  const begins = steps.slice(1).map(({ startMs }) => startMs);
  assert.deepEqual(begins, steps.slice(0, -1).map(({ endMs }) => endMs));
  const decided = steps.slice(1, -1);
  assert.ok(decided.length > 0);
  for (const { name, attributes } of decided) {
    assert.match(String(attributes["matriarch.rule"]), /^R\d{3}$/);
    assert.equal(attributes["matriarch.decision"], name);
    assert.ok(attributes["matriarch.reason"]);
  }
  assert.equal(
    root.attributes["matriarch.rule"],
    decided.at(-1)?.attributes["matriarch.rule"],
  );
}

async function keyIsKept(
  t: Deno.TestContext,
  cluster: AgentCluster,
  collector: Collector,
): Promise<void> {
  await step(
    t,
    "the collector's key goes to it, not to PostgreSQL",
    async () => {
      assert.equal(collector.requests[0]?.headers.get("x-key"), KEY);
      const pid = cluster.member("n1").postmasterPid();
      const environment = await Deno.readTextFile(`/proc/${pid}/environ`);
      assert.match(environment, /HOME=/);
      assert.doesNotMatch(environment, new RegExp(KEY));
    },
  );
}

async function hanging(
  t: Deno.TestContext,
  cluster: AgentCluster,
  silent: Collector,
): Promise<void> {
  await step(t, "a collector that hangs holds up no cycle", async () => {
    const n3 = cluster.member("n3");
    await cluster.until(
      "it was asked",
      () => Promise.resolve(silent.requests.length > 0),
    );
    const [asked, before] = [silent.requests.length, await cyclesOf(n3)];
    await cluster.until(
      "cycles go on",
      async () => await cyclesOf(n3) > before + 3,
    );
    // One request hangs, and only that one.
    assert.ok(silent.requests.length <= asked + 1);
    assert.equal(silent.spans.length, 0);
  });
}

async function cyclesOf(member: AgentMember): Promise<number> {
  const { text } = await member.rest("/metrics");
  return Number(/^matriarch_cycles_total\{.*\} (\d+)$/m.exec(text)?.[1]);
}

async function failover(
  t: Deno.TestContext,
  cluster: AgentCluster,
  collector: Collector,
): Promise<void> {
  await step(t, "a failover is one trace with its phases", async () => {
    await cluster.member("n1").killAll();
    await cluster.untilLeader(["n2"]);
    const root = await cluster.until(
      "its trace came",
      () => Promise.resolve(collector.roots("failover")[0] ?? null),
    );
    const record = await recordOf(cluster, root);
    const { attributes } = root;
    assert.equal(attributes["matriarch.cluster"], "batman");
    assert.equal(attributes["matriarch.member"], "n2");
    assert.equal(attributes["matriarch.leader.before"], "n1");
    assert.equal(attributes["matriarch.rule"], record.rule);
    assert.equal(attributes["matriarch.reason"], record.reason);
    const spans = collector.childrenOf(root);
    const phase = (name: string) =>
      record.phases.find((each) => each.name === name)?.atMs ?? NaN;
    assertSpan(spans, "race", [phase("detected"), phase("decided")]);
    assertSpan(spans, "promotion", [phase("decided"), phase("promoted")]);
    for (const { attributes, startMs, endMs } of spans) {
      assert.ok(startMs >= root.startMs && endMs <= root.endMs);
      const felt = record.felt.find(({ proxy }) =>
        proxy === attributes["matriarch.proxy"]
      );
      if (felt === undefined) continue;
      assert.deepEqual([startMs, endMs], [felt.closedAtMs, felt.routedAtMs]);
    }
    assert.equal(collector.roots("failover").length, 1);
  });
}

/** The change as the store has it. */
async function recordOf(
  cluster: AgentCluster,
  { attributes }: CollectedSpan,
): Promise<FailoverRecord> {
  const text = (await cluster.keys())["failovers"] ?? null;
  const found = decodeFailovers(text).find(({ term }) =>
    term === attributes["matriarch.term"]
  );
  assert.ok(found !== undefined);
  return found;
}

function assertSpan(
  spans: readonly CollectedSpan[],
  name: string,
  fromTo: readonly [number, number],
): void {
  const span = spans.find((each) => each.name === name);
  assert.ok(span !== undefined, `there is no span ${name}`);
  assert.deepEqual([span.startMs, span.endMs], fromTo);
}
