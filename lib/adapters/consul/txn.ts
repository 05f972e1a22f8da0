/**
 * A guarded write as one transaction of Consul's, and what its answer means.
 * Pure: who sends it is `dcs_consul.ts`'s business.
 */
import type { DcsCondition, DcsEdit, DcsWrite } from "../../ports/dcs.ts";
import {
  type Counter,
  encoded,
  objectOf,
  type ScopeKeys,
  type StoredScope,
} from "./wire.ts";

/** One operation in the form of `/v1/txn`. */
export type TxnOperation = Readonly<Record<string, string | number>>;

/** The operations of a write, conditions first. */
export interface TxnPlan {
  readonly operations: readonly TxnOperation[];
  /** How many of them are conditions, and whether each was made from a value. */
  readonly isByValue: readonly boolean[];
}

/** What the transaction came to. */
export type TxnOutcome =
  /** `at` is null where no key was put. */
  | { readonly kind: "done"; readonly at: Counter | null }
  | { readonly kind: "condition_failed" }
  /** A key changed between its reading and the write; its value may still hold. */
  | { readonly kind: "outdated" }
  | { readonly kind: "session_gone" }
  /** The key hung on a session that has ended, and nobody may have it yet. */
  | { readonly kind: "delayed" }
  | { readonly kind: "refused"; readonly why: string };

/** Whether the conditions can only be checked against what is stored now. */
export function needsValues({ when }: DcsWrite): boolean {
  return when.some(({ kind }) => kind === "value_is");
}

/**
 * The write as a transaction; null: a condition does not hold.
 *
 * @param stored What is stored now; needed for conditions on values.
 */
export function planOf(
  keys: ScopeKeys,
  write: DcsWrite,
  stored: StoredScope | null,
): TxnPlan | null {
  const conditions = write.when.map((one) => checkOf(keys, one, stored));
  const checks = conditions.filter((one) => one !== null);
  if (checks.length < conditions.length) return null;
  return {
    operations: [...checks, ...write.edits.flatMap((e) => editOf(keys, e))],
    isByValue: write.when.map(({ kind }) => kind === "value_is"),
  };
}

function checkOf(
  keys: ScopeKeys,
  condition: DcsCondition,
  stored: StoredScope | null,
): TxnOperation | null {
  const key = keys.full(condition.key);
  switch (condition.kind) {
    case "absent":
      return { Verb: "check-not-exists", Key: key };
    case "value_is": {
      const found = stored?.entries.find((one) => one.key === condition.key);
      return found?.value === condition.value
        ? { Verb: "check-index", Key: key, Index: found.at }
        : null;
    }
    case "revision_is":
      return /^[0-9]{1,15}$/.test(condition.revision)
        ? { Verb: "check-index", Key: key, Index: Number(condition.revision) }
        : null;
  }
}

/**
 * A put deletes first: a plain one would leave the key on its old session, one
 * with a session fails while another has the key, and the same value again
 * would be no change. Deleting what is not there is done, too.
 */
function editOf(keys: ScopeKeys, edit: DcsEdit): readonly TxnOperation[] {
  const key = keys.full(edit.key);
  const away = { Verb: "delete", Key: key };
  if (edit.kind === "delete") return [away];
  const value = { Key: key, Value: encoded(edit.value) };
  return [
    away,
    edit.session === null
      ? { Verb: "set", ...value }
      : { Verb: "lock", ...value, Session: edit.session },
  ];
}

/** The answer to a transaction that was done. */
export function doneOf(body: string): TxnOutcome {
  const { Results: results } = objectOf(JSON.parse(body));
  const all: readonly unknown[] = Array.isArray(results) ? results : [];
  const indices = all.map((one) => objectOf(objectOf(one)["KV"])["ModifyIndex"])
    .filter((at) => typeof at === "number");
  return {
    kind: "done",
    at: indices.length === 0 ? null : Math.max(...indices),
  };
}

/** The answer to a transaction that was rolled back. */
export function failureOf(body: string, { isByValue }: TxnPlan): TxnOutcome {
  const { Errors: errors } = objectOf(JSON.parse(body));
  const all = (Array.isArray(errors) ? errors : []).map((one: unknown) => {
    const { OpIndex: at, What: what } = objectOf(one);
    return { at: Number(at), what: String(what) };
  });
  const why = all.map(({ what }) => what).join("; ");
  if (/Permission denied|ACL not found/.test(why)) {
    return { kind: "refused", why };
  }
  const ofConditions = all.filter(({ at }) => at < isByValue.length);
  if (ofConditions.length > 0) {
    const isCertain = ofConditions.some(({ at }) => isByValue[at] !== true);
    return { kind: isCertain ? "condition_failed" : "outdated" };
  }
  if (/invalid session|failed session lookup/.test(why)) {
    return { kind: "session_gone" };
  }
  if (/lock delay/.test(why)) return { kind: "delayed" };
  return { kind: "refused", why };
}
