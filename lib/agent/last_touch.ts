/** Writes the member key at the end, in place of the loop. */
import type { MemberIdentity } from "../core/calc/documents/publication.ts";
import { publicationOf } from "../core/calc/documents/publication.ts";
import { encodeMember } from "../core/codec/member_codec.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import type { PostgresWatch } from "../ports/postgres.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { FactsOfNow } from "./facts_of_now.ts";
import type { SeenScope } from "./last_view.ts";
import type { LeaseKeeper } from "./leases.ts";
import type { ScopeReports } from "./scope_reports.ts";
import type { TaskSeen } from "./task_runner.ts";

/** What the key is made of. */
interface TouchParts {
  readonly postgres: Pick<PostgresWatch, "observe">;
  readonly leases: Pick<LeaseKeeper, "keepMember">;
  readonly reports: Pick<ScopeReports, "touchMember">;
  readonly facts: Pick<FactsOfNow, "around">;
  readonly tasks: TaskSeen;
  readonly last: SeenScope;
  readonly inForce: SettingsInForce;
  readonly config: () => {
    readonly self: MemberName;
    readonly identity: MemberIdentity;
  };
}

/** Tells the scope that this member stops. */
export class LastTouch {
  readonly #parts: TouchParts;

  constructor(parts: TouchParts) {
    this.#parts = parts;
  }

  /** Every proxy holds new clients of a primary that says so, and leaves such a replica alone. */
  async stopping(limits: DcsLimits): Promise<void> {
    await this.#touch(stoppingNow, limits);
  }

  async stopped(limits: DcsLimits): Promise<void> {
    await this.#touch(stopped, limits);
  }

  async #touch(
    as: (o: Observation) => Observation,
    limits: DcsLimits,
  ): Promise<void> {
    const { leases, last: { view }, inForce, tasks, postgres } = this.#parts;
    if (view === null) return;
    const { ttlMs } = inForce.settings;
    const session = await leases.keepMember({ ...limits, ttlMs });
    const task = tasks.view;
    const o = this.#parts.facts.around({
      dcs: { kind: "reachable", view },
      postgres: await postgres.observe(),
      standbyChange: "nothing",
      task,
      // Whoever ends does not pledge.
      pledge: null,
    });
    const { self, identity } = this.#parts.config();
    const text = encodeMember(publicationOf(as(o), identity));
    await this.#parts.reports.touchMember(
      { name: self, text },
      session,
      limits,
    );
  }
}

function stoppingNow(o: Observation): Observation {
  const task = {
    kind: "demote",
    how: "graceful",
    deadline: null,
    escalateAfterMs: null,
  } as const;
  return { ...o, task: { kind: "running", task, startedAt: o.now } };
}

function stopped(o: Observation): Observation {
  const { role } = o.memory;
  const now = role === "primary" ? "demoted" : role;
  const memory = { ...o.memory, role: now, isRecovering: false };
  return { ...o, memory, lease: { kind: "released" } };
}
