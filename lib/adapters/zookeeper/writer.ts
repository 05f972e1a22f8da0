/** Guarded writes: looks at the scope, sends the transaction, looks again if it was outdated. */
import { after, remainingMs, revision } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits, DcsResult, DcsWrite } from "../../ports/dcs.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
  SessionGoneError,
} from "../../ports/errors.ts";
import { makeFolders, transact } from "./calls.ts";
import type { ZkConnection } from "./connection.ts";
import { refusal, SessionEndedError } from "./errors.ts";
import { type LeaseSessions, ownerOf } from "./lease_sessions.ts";
import type { MainLink } from "./main_link.ts";
import { type Acl, ANY_VERSION, type Step } from "./messages.ts";
import { meaningOf, type Plan, planOf } from "./plan.ts";
import type { ScopeReader } from "./reader.ts";
import { pathOf, type StoredScope } from "./tree.ts";

/** What writes need. */
export interface WriterParts {
  readonly reader: ScopeReader;
  readonly link: MainLink;
  readonly leases: LeaseSessions;
  readonly clock: Clock;
  readonly acl: readonly Acl[];
  readonly scopePath: string;
}

type Settled =
  | { readonly kind: "done"; readonly zxid: bigint }
  | { readonly kind: "condition_failed" };

type Outcome = Settled | { readonly kind: "outdated" };

/** Writes to one scope. */
export class ScopeWriter {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** One guarded write. */
  async write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    const { scopePath } = this.#parts;
    const result = await this.#attempt(limits, async (scope, left) => {
      const plan = planOf(write, { scopePath, scope, ownerOf });
      switch (plan.kind) {
        case "condition_failed":
          return plan;
        case "no_scope":
          await this.#makeScope(left());
          return { kind: "outdated" };
        case "impossible":
          throw new DcsRefusedError(`Cannot write: ${plan.why}`);
        case "ready":
          return await this.#send(plan, left());
      }
    });
    return result.kind === "done"
      ? { kind: "done", revision: revision(result.zxid) }
      : result;
  }

  /** Deletes all that is below the scope, and its own node. */
  async removeScope(limits: DcsLimits): Promise<void> {
    await this.#attempt(limits, async ({ nodes, at }, left) => {
      const { scopePath } = this.#parts;
      // What lies deeper comes first: a longer path.
      const steps = [...nodes.keys()]
        .sort((one, other) => other.length - one.length)
        .map((key): Step => ({
          kind: "delete",
          path: pathOf(scopePath, key),
          version: ANY_VERSION,
        }));
      if (steps.length === 0) return { kind: "done", zxid: at };
      const meanings = steps.map(() => "outdated" as const);
      const plan = { kind: "ready", steps, meanings, session: null } as const;
      return await this.#send(plan, left());
    }, { isFresh: true });
  }

  /** Only a fresh look may say that a condition does not hold. */
  async #attempt(
    { timeoutMs }: DcsLimits,
    act: (scope: StoredScope, left: () => number) => Promise<Outcome>,
    { isFresh } = { isFresh: false },
  ): Promise<Settled> {
    const { reader, clock } = this.#parts;
    const deadline = after(clock.now(), timeoutMs);
    const left = (): number => remainingMs(deadline, clock.now());
    for (let isSure = isFresh;; isSure = true) {
      const limits = { timeoutMs: left() };
      const scope = isSure
        ? await reader.fresh(limits)
        : await reader.current(limits);
      const outcome = await act(scope, left);
      if (outcome.kind === "outdated") continue;
      if (outcome.kind === "condition_failed" && !isSure) continue;
      return outcome;
    }
  }

  async #send(plan: Plan, timeoutMs: number): Promise<Outcome> {
    const { acl, reader, clock } = this.#parts;
    const deadline = after(clock.now(), timeoutMs);
    const connection = await this.#connection(plan, timeoutMs);
    const leftMs = remainingMs(deadline, clock.now());
    try {
      const { zxid, failed } = await transact(connection, plan.steps, {
        ...{ acl, timeoutMs: leftMs },
      });
      if (failed === null) {
        reader.noteWrite(zxid);
        return { kind: "done", zxid };
      }
      const meaning = meaningOf(plan, failed);
      if (meaning === null) {
        const path = plan.steps[failed.at]?.path ?? "";
        throw refusal(failed.code, connection.host, `a write of ${path}`);
      }
      return {
        kind: meaning === "condition" ? "condition_failed" : "outdated",
      };
    } catch (error) {
      if (error instanceof SessionEndedError && plan.session !== null) {
        this.#parts.leases.forget(plan.session);
        throw sessionGone(plan);
      }
      // One whose answer was lost may have happened, and the next read looks.
      if (error instanceof DcsUnreachableError) reader.noteWrite(null);
      throw error;
    }
  }

  async #connection(plan: Plan, timeoutMs: number): Promise<ZkConnection> {
    const { leases, link } = this.#parts;
    if (plan.session === null) return await link.connection({ timeoutMs });
    const connection = await leases.connection(plan.session, { timeoutMs });
    if (connection === null) throw sessionGone(plan);
    return connection;
  }

  async #makeScope(timeoutMs: number): Promise<void> {
    const { link, acl, scopePath } = this.#parts;
    const connection = await link.connection({ timeoutMs });
    await makeFolders(connection, scopePath, { acl, timeoutMs });
  }
}

function sessionGone({ steps }: Plan): SessionGoneError {
  const names = steps.filter((step) =>
    step.kind === "create" && step.mode === "ephemeral"
  ).map(({ path }) => path).join(", ");
  return new SessionGoneError(
    `Cannot put ${names || "a key"}: its session is not there any more`,
  );
}
