/** The acts that ask somebody: the peers, the failsafe map, an upstream. */
import type { Observation } from "../core/model/observation.ts";
import type { Log } from "../ports/log.ts";
import type { Peers } from "../ports/peers.ts";
import type { Postgres } from "../ports/postgres.ts";
import { changed, type DecisionOf, type Outcome } from "./act_outcome.ts";
import type { FactsOfNow } from "./facts_of_now.ts";
import type { FailsafeLead } from "./failsafe_lead.ts";
import type { Addresses } from "./neighbours.ts";

/** Who is asked. */
interface AskParts {
  readonly log: Pick<Log, "debug">;
  readonly peers: Pick<Peers, "ask">;
  readonly consent: Pick<FailsafeLead, "ask">;
  readonly postgres: Pick<Postgres, "upstream">;
  readonly neighbours: Addresses;
  readonly facts: Pick<FactsOfNow, "lease">;
}

/** Carries them out. */
export class AskActs {
  readonly #parts: AskParts;

  constructor(parts: AskParts) {
    this.#parts = parts;
  }

  async peers({ members }: DecisionOf<"ask_peers">): Promise<Outcome> {
    const answers = await this.#parts.peers.ask(members);
    return changed({ peers: { kind: "asked", answers } });
  }

  async consent(
    o: Observation,
    { members }: DecisionOf<"ask_failsafe">,
  ): Promise<Outcome> {
    const cover = await this.#parts.consent.ask(o, members);
    const lease = this.#parts.facts.lease();
    return changed({
      lease: lease.kind === "held" ? { ...lease, cover } : lease,
    });
  }

  async upstream({ source }: DecisionOf<"ask_upstream">): Promise<Outcome> {
    const { postgres, neighbours, log } = this.#parts;
    const peer = neighbours.addressOf(source);
    const upstream = await postgres.upstream.ask(peer);
    if (upstream.kind === "silent") {
      log.debug(`The upstream does not answer: ${upstream.detail}`);
    }
    return changed({ upstream });
  }
}
