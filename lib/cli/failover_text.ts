/** The last changes of leader in lines for people, for `history -v`. */
import { phasesOf } from "../core/calc/documents/failovers.ts";
import type { Facts } from "../core/model/decision.ts";
import type { FailoverRecord, FeltByClients } from "../core/model/failover.ts";
import { localTime } from "./timestamps.ts";

/** One change; the first line says when and who, the others what happened. */
export function failoverLines(record: FailoverRecord): readonly string[] {
  return [
    headLine(record),
    `  decided by ${record.rule}, ${record.reason}: ${record.sentence}${
      factsText(record.facts)
    }`,
    `  ${phasesText(record)}`,
    `  ${walText(record)}`,
    ...(record.felt.length === 0
      ? ["  no proxy has told what its clients felt"]
      : record.felt.map((felt) => `  ${feltText(felt)}`)),
  ];
}

function headLine(record: FailoverRecord): string {
  const { before, leader, timeline } = record;
  const [first] = phasesOf(record);
  const at = first === undefined ? "" : `, ${whenText(first.atMs)}`;
  const change = before === leader
    ? `${leader} again`
    : `${before ?? "(unknown)"} -> ${leader}`;
  return `TL ${timeline}${at}: ${change}`;
}

function whenText(atMs: number): string {
  const { text, milliseconds } = localTime(atMs);
  return `${text}.${milliseconds}`;
}

function factsText(facts: Facts): string {
  const known = Object.entries(facts).filter(([, fact]) => fact !== null);
  if (known.length === 0) return "";
  return ` (${known.map(([name, fact]) => `${name}: ${fact}`).join(", ")})`;
}

/** Each phase by its distance from the first. */
function phasesText(record: FailoverRecord): string {
  const phases = phasesOf(record);
  const from = phases[0]?.atMs ?? 0;
  if (phases.length === 0) return "its phases are not known";
  return phases.map(({ name, atMs }) =>
    `${name.replaceAll("_", " ")} +${atMs - from} ms`
  ).join(", ");
}

function walText({ lostBytes, leftBehind }: FailoverRecord): string {
  const lost = lostBytes === null
    ? "WAL: what was lost is not known"
    : lostBytes === 0
    ? "WAL: nothing that the store knew of was lost"
    : `WAL: ${lostBytes} bytes that the store knew of were lost`;
  const left = leftBehind.map(({ member, bytes }) =>
    `${member} left at least ${bytes} bytes behind`
  );
  return [lost, ...left].join("; ");
}

function feltText(felt: FeltByClients): string {
  const { proxy, ended, waited, longestWaitMs, failed } = felt;
  const gapMs = felt.routedAtMs - felt.closedAtMs;
  return `clients of ${proxy}: no way to a leader for ${gapMs} ms, ` +
    `${ended} sessions ended, ${waited} clients waited` +
    `${waited === 0 ? "" : `, the longest ${longestWaitMs} ms`}, ` +
    `${failed} in vain`;
}
