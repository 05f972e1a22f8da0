/**
 * What a store must offer to go through the conformance suite, and the small
 * tools its cases share.
 */
import assert from "node:assert/strict";
import type { Revision, SessionId } from "../../lib/core/base/units.ts";
import type {
  Dcs,
  DcsChange,
  DcsCondition,
  DcsListener,
  DcsResult,
} from "../../lib/ports/dcs.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
} from "../../lib/ports/errors.ts";

/** What a store cannot do; the cases about it are left out. */
export type Lack =
  /** Several keys in one write. */
  | "transactions"
  /** More keys on a session than the leader's. */
  | "several_held_keys";

/** A running store. */
export interface DcsFixture extends AsyncDisposable {
  /** A new client; every client of one path shares the scope. */
  connect(scopePath: string): Dcs;
  /** Stops the store's answers, as SIGSTOP does. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends all connections, and lets clients in again; null: it has none. */
  readonly cutConnections: (() => Promise<void>) | null;
  /** Whether a frozen store still answers reads (a locked file does). */
  readonly isReadableWhenFrozen: boolean;
  /** Absent: nothing. */
  readonly lacks?: ReadonlySet<Lack>;
}

/** Runs a case only where the store can do that. */
export function needs(lack: Lack): (fixture: DcsFixture) => boolean {
  return ({ lacks }) => lacks?.has(lack) !== true;
}

/** Generous limit for calls that should succeed. */
export const LIMITS = { timeoutMs: 10_000 };
/** Limit for calls that should fail. */
export const SHORT_LIMITS = { timeoutMs: 1000 };
/** Shortest ttl that every store grants as asked. */
export const TTL_MS = 2000;

/** What a case asks of the key that it writes. */
export type Guard =
  | { readonly kind: "none" }
  | { readonly kind: "absent" }
  | { readonly kind: "value_is"; readonly value: string }
  | { readonly kind: "revision_is"; readonly revision: Revision };

/** Another key that must not have changed. */
export interface OtherKey {
  readonly key: string;
  readonly revision: Revision;
}

/** Puts without session and guard. */
export function put(
  dcs: Dcs,
  key: string,
  value: string,
): Promise<DcsResult> {
  return guardedPut(dcs, key, { value, guard: { kind: "none" } });
}

/** Puts with a guard, and maybe a session. */
export function guardedPut(
  dcs: Dcs,
  key: string,
  put: {
    readonly value: string;
    readonly guard: Guard;
    readonly session?: SessionId;
    readonly onlyWhile?: OtherKey;
  },
): Promise<DcsResult> {
  const { value, session = null, guard, onlyWhile } = put;
  return dcs.write({
    when: conditions(key, guard, onlyWhile),
    edits: [{ kind: "put", key, value, session }],
  }, LIMITS);
}

/** Deletes with a guard. */
export function guardedDelete(
  dcs: Dcs,
  key: string,
  guard: Guard,
): Promise<DcsResult> {
  const edits = [{ kind: "delete", key }] as const;
  return dcs.write({ when: conditions(key, guard), edits }, LIMITS);
}

/** What the guard, and maybe another key, asks for. */
export function conditions(
  key: string,
  guard: Guard,
  other?: OtherKey,
): readonly DcsCondition[] {
  const own = guard.kind === "none" ? [] : [{ ...guard, key }];
  return other === undefined
    ? own
    : [...own, { kind: "revision_is", ...other }];
}

/** The revision of a write that must have happened. */
export function revisionOf(result: DcsResult): Revision {
  assert.equal(result.kind, "done");
  if (result.kind !== "done") throw new Error("unreachable");
  return result.revision;
}

/** The scope's keys and values, as the cache or the store has them. */
export async function contents(
  dcs: Dcs,
  from: "read" | "readFresh" = "readFresh",
): Promise<Record<string, string>> {
  const { entries } = await dcs[from](LIMITS);
  return Object.fromEntries(entries.map((e) => [e.key, e.value]));
}

/** Remembers what a watch said. */
export class Recorder implements DcsListener {
  readonly changes: DcsChange[] = [];
  resets = 0;

  onChange(change: DcsChange): void {
    this.changes.push(change);
  }

  onReset(): void {
    this.resets += 1;
  }

  /** The values that `key` took, in order. */
  valuesOf(key: string): (string | null)[] {
    return this.changes.filter((c) => c.key === key).map((c) => c.value);
  }
}

/** Waits until `condition` holds; fails with `describe()` after `limitMs`. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  describe: () => unknown,
  limitMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      const seen = Deno.inspect(describe(), { depth: 6 });
      assert.fail(`Condition did not come true; last seen: ${seen}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The call fails with one sentence, and it is no other kind of failure. */
export async function isRefused(
  call: Promise<unknown>,
  text: RegExp,
  kind: typeof DcsRefusedError | typeof DcsUnreachableError = DcsRefusedError,
): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof kind, Deno.inspect(error));
    assert.match(error.message, text);
    assert.ok(!error.message.includes("\n"), error.message);
    return true;
  });
}
