/**
 * Told decisions as `GET /explain` has them: written by the agent and read by
 * the command line with the same names.
 */
import type { Facts } from "../model/decision.ts";
import type { DecisionRecord } from "../model/told_decision.ts";
import { asObject, type JsonObject } from "./json.ts";

/** As agents write it: texts of this form compare as times. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function isTimeText(value: unknown): value is string {
  return typeof value === "string" && TIME.test(value);
}

/** The item of the answer. */
export function encodeDecision(record: DecisionRecord): JsonObject {
  return {
    rule: record.rule,
    decision: record.kind,
    ...(record.task === null ? {} : { task: record.task }),
    reason: record.reason,
    facts: record.facts,
    text: record.sentence,
    first_at: record.firstAt,
    last_at: record.lastAt,
    count: record.count,
  };
}

/** The decision in an item; null if it is none. */
export function decodeDecision(item: unknown): DecisionRecord | null {
  const given = asObject(item);
  if (given === null) return null;
  const { rule, decision: kind, reason, text: sentence } = given;
  const { last_at: lastAt, first_at: firstAt, task, count } = given;
  const isWhole = typeof rule === "string" && typeof kind === "string" &&
    typeof reason === "string" && typeof sentence === "string" &&
    isTimeText(lastAt);
  if (!isWhole) return null;
  return {
    ...{ rule, kind, reason, sentence, lastAt },
    task: typeof task === "string" ? task : null,
    facts: factsIn(given["facts"]),
    firstAt: isTimeText(firstAt) ? firstAt : lastAt,
    count: typeof count === "number" ? count : 1,
  };
}

/** The facts in a value; what is none is left out. */
export function factsIn(value: unknown): Facts {
  const entries = Object.entries(asObject(value) ?? {});
  return Object.fromEntries(
    entries.flatMap(([name, fact]) =>
      fact === null || typeof fact === "string" || typeof fact === "number" ||
        typeof fact === "boolean" || typeof fact === "bigint"
        ? [[name, fact]]
        : []
    ),
  );
}
