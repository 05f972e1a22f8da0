/** A change of leader as a trace: one span for each of its phases, one for each proxy. */
import type {
  FailoverPhase,
  FailoverRecord,
  FeltByClients,
} from "../../model/failover.ts";
import type { Facts } from "../../model/decision.ts";
import type { EndedSpan, SpanAttributes } from "../../model/span.ts";

/** What goes on until the phase of that name; another name stands for itself. */
const UNTIL: ReadonlyMap<string, string> = new Map([
  ["pledged", "pledge"],
  ["taken", "veto"],
  ["decided", "race"],
  ["promoted", "promotion"],
  ["first_write", "first write"],
]);

/**
 * The trace. Its phases follow each other without gaps; what the clients of a
 * proxy felt lies beside them.
 *
 * @param scope The name of the cluster.
 */
export function failoverTrace(
  scope: string,
  record: FailoverRecord,
): EndedSpan | null {
  const { phases, felt } = record;
  const spans = [
    ...phases.slice(1).map(phaseSpan(phases)),
    ...felt.map(clients),
  ];
  const times = [
    ...phases.map(({ atMs }) => atMs),
    ...spans.flatMap(({ startMs, endMs }) => [startMs, endMs]),
  ];
  if (times.length === 0) return null;
  const isSwitchover = typeof record.facts["requestedFrom"] === "string";
  return {
    name: isSwitchover ? "switchover" : "failover",
    startMs: Math.min(...times),
    endMs: Math.max(...times),
    attributes: {
      "matriarch.cluster": scope,
      "matriarch.member": record.leader,
      ...optional("matriarch.leader.before", record.before),
      "matriarch.timeline": record.timeline,
      "matriarch.term": record.term,
      "matriarch.rule": record.rule,
      "matriarch.reason": record.reason,
      "matriarch.sentence": record.sentence,
      ...optional("matriarch.lost_bytes", record.lostBytes),
      ...factAttributes(record.facts),
    },
    error: null,
    children: spans.toSorted((one, other) => one.startMs - other.startMs),
  };
}

/** Facts of a decision, each under a name of its own. */
export function factAttributes(facts: Facts): SpanAttributes {
  const entries = Object.entries(facts).flatMap(([name, fact]) =>
    fact === null ? [] : [[
      `matriarch.fact.${name}`,
      typeof fact === "bigint" ? String(fact) : fact,
    ]]
  );
  return Object.fromEntries(entries);
}

function phaseSpan(phases: readonly FailoverPhase[]) {
  return ({ name, atMs }: FailoverPhase, index: number): EndedSpan => {
    const startMs = phases[index]?.atMs ?? atMs;
    return {
      ...{ name: UNTIL.get(name) ?? name, startMs },
      // Clocks of hosts differ; nothing ends before it begins.
      endMs: Math.max(startMs, atMs),
      attributes: { "matriarch.phase": name },
      ...{ error: null, children: [] },
    };
  };
}

function clients(felt: FeltByClients): EndedSpan {
  return {
    name: "clients without a leader",
    startMs: felt.closedAtMs,
    endMs: Math.max(felt.closedAtMs, felt.routedAtMs),
    attributes: {
      "matriarch.proxy": felt.proxy,
      "matriarch.sessions.ended": felt.ended,
      "matriarch.clients.waited": felt.waited,
      "matriarch.clients.failed": felt.failed,
      "matriarch.clients.longest_wait_ms": felt.longestWaitMs,
    },
    error: null,
    children: [],
  };
}

function optional(name: string, value: string | number | null): SpanAttributes {
  return value === null ? {} : { [name]: value };
}
