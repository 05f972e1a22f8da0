/** What is true at this moment, around looks at the store and the instance: together they are an observation. */
import type { FencingOrders } from "../core/model/fencing.ts";
import type { LeaseView } from "../core/model/lease_view.ts";
import type { MemberName, Tags } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { ConfigInForce } from "./config_in_force.ts";
import type { Inbox } from "./inbox.ts";
import type { LeadRight } from "./lead_right.ts";
import type { Remembered } from "./memory.ts";

/** Where the facts come from. */
interface FactSources {
  readonly clock: Pick<Clock, "now" | "wallTimeMs">;
  readonly random: Random;
  readonly config: () => {
    readonly self: MemberName;
    readonly tags: Tags;
    /** The configuration has a `bootstrap` section. */
    readonly canBootstrap: boolean;
    readonly fencing?: FencingOrders | null;
  };
  readonly inForce: Pick<ConfigInForce, "settings" | "document">;
  readonly memory: Remembered;
  readonly right: Pick<LeadRight, "deadline" | "source">;
  readonly inbox: Pick<Inbox, "request">;
}

/** What was looked at. */
export type Looks = Pick<
  Observation,
  "dcs" | "postgres" | "standbyChange" | "task" | "pledge"
>;

/** The facts of one agent. */
export class FactsOfNow {
  readonly #sources: FactSources;

  constructor(sources: FactSources) {
    this.#sources = sources;
  }

  /** The observation that these looks make now. */
  around(looks: Looks): Observation {
    const { clock, random, inForce, inbox, memory } = this.#sources;
    const { self, tags, canBootstrap, fencing = null } = this.#sources
      .config();
    return {
      now: clock.now(),
      wallTimeMs: clock.wallTimeMs(),
      chance: random.next(),
      self,
      tags,
      canBootstrap,
      document: inForce.document ?? {},
      settings: inForce.settings,
      dcs: looks.dcs,
      postgres: looks.postgres,
      standbyChange: looks.standbyChange,
      lease: this.lease(),
      pledge: looks.pledge,
      fencing,
      peers: { kind: "not_asked" },
      upstream: { kind: "not_asked" },
      task: looks.task,
      request: inbox.request,
      memory: memory.now,
    };
  }

  /** The lease as its keeper has it; what happened in this cycle is not in it. */
  lease(): LeaseView {
    const { deadline, source } = this.#sources.right;
    return deadline === null ? { kind: "none" } : {
      kind: "held",
      deadline,
      source,
      isFresh: false,
      cover: "not_asked",
    };
  }
}
