/**
 * Failsafe mode of a leader: publish whom to ask, and ask them for consent while
 * the store is away.
 *
 * Source: docs/contract/ha.md 12.
 */
import { attemptMs, refusalIn } from "../core/calc/lead/consent.ts";
import {
  failsafeMap,
  isSameFailsafe,
  slotPositions,
} from "../core/calc/lead/failsafe.ts";
import type { Lsn } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { FailsafeMember, FailsafePing } from "../core/model/failsafe.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { Clock } from "../ports/clock.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import type { Peers } from "../ports/peers.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { LeadRight } from "./lead_right.ts";
import type { Remembering } from "./memory.ts";
import type { ScopeReports } from "./scope_reports.ts";

/** What a leader asks with. */
interface LeadParts {
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "warning">;
  readonly peers: Pick<Peers, "askFailsafe">;
  readonly reports: Pick<ScopeReports, "writeFailsafe">;
  readonly right: Pick<LeadRight, "coverByFailsafe">;
  readonly memory: Remembering;
  readonly inForce: SettingsInForce;
  readonly config: () => {
    readonly self: MemberName;
    readonly identity: { readonly connUrl: string; readonly apiUrl: string };
  };
}

/** What the members said last. */
export interface Consent {
  /** All agreed that this primary goes on without the store. */
  readonly isGranted: boolean;
  /** How far they were then. */
  readonly positions: Readonly<Record<MemberName, Lsn>>;
}

/** Asks the members for consent. */
export class FailsafeLead implements Consent {
  readonly #parts: LeadParts;
  #isGranted = false;
  #positions: Readonly<Record<MemberName, Lsn>> = {};

  constructor(parts: LeadParts) {
    this.#parts = parts;
  }

  get isGranted(): boolean {
    return this.#isGranted;
  }

  get positions(): Readonly<Record<MemberName, Lsn>> {
    return this.#positions;
  }

  /** Writes the map after a renewal, if the mode is on and the map changed. */
  async publish(view: ClusterView, limits: DcsLimits): Promise<void> {
    const { inForce, memory, reports } = this.#parts;
    if (!inForce.settings.isFailsafeMode) return;
    const { self, identity: { apiUrl } } = this.#parts.config();
    const map = failsafeMap(view, { name: self, apiUrl });
    if (isSameFailsafe(view.failsafe, map)) return;
    // Before the answer: the store may have the map and we may never hear of it.
    memory.remember({ kind: "failsafe_published", map });
    await reports.writeFailsafe(map, limits);
  }

  /** Asks for consent and extends the lease if all agree. */
  async ask(
    o: Observation,
    members: readonly FailsafeMember[],
  ): Promise<"granted" | "refused"> {
    const { clock, log, peers, memory, right } = this.#parts;
    const since = clock.now();
    const timeoutMs = attemptMs(o, since);
    const answers = await peers.askFailsafe(members, {
      ping: this.#ping(o),
      timeoutMs,
    });
    for (const { name, detail, isAccepted } of answers) {
      if (isAccepted) continue;
      log.warning(`Member ${name} did not accept the failsafe ping: ${detail}`);
    }
    const refusal = refusalIn(answers, since);
    this.#isGranted = refusal === null;
    this.#positions = Object.fromEntries(
      answers.flatMap(({ name, position }) =>
        position === null ? [] : [[name, position]]
      ),
    );
    memory.remember({ kind: "failsafe_answered", refusal });
    if (refusal !== null) return "refused";
    right.coverByFailsafe(since, o.settings.ttlMs);
    return "granted";
  }

  /** The store backs the lead again. */
  reset(): void {
    this.#isGranted = false;
    this.#parts.memory.remember({ kind: "failsafe_answered", refusal: null });
  }

  #ping(o: Observation): FailsafePing {
    const { self, identity } = this.#parts.config();
    const slots = o.postgres.kind === "running" ? o.postgres.slots : [];
    return {
      name: self,
      connUrl: identity.connUrl,
      apiUrl: identity.apiUrl,
      slots: slotPositions(slots),
      ttlMs: o.settings.ttlMs,
    };
  }
}
