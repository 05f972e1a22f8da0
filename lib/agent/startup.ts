/**
 * What happens before the first cycle: a first view of the scope, no other agent
 * of the same name, and a dynamic configuration to begin with.
 */
import { memberOf } from "../core/model/cluster_view.ts";
import { slotNameOf } from "../core/codec/slot_name.ts";
import { beforeFirstView } from "../core/calc/lead/uncovered.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import type { LastConsent } from "../core/model/failsafe.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { ConsentRecord } from "../ports/consents.ts";
import type { Log } from "../ports/log.ts";
import type { Peers } from "../ports/peers.ts";
import type { Postgres } from "../ports/postgres.ts";
import type { ConfigInForce } from "./config_in_force.ts";
import type { SeenScope } from "./last_view.ts";
import type { Remembering } from "./memory.ts";
import type { PledgeKeeper } from "./pledge_keeper.ts";
import type { StoreView } from "./store_view.ts";

/** Source: docs/contract/cli.md B2. */
const TRY_AGAIN_MS = 5_000;

/** Why an agent must not start. */
export class StartRefusedError extends Error {
  override readonly name: string = "StartRefusedError";
}

/** What a start works with. */
interface StartParts {
  readonly clock: Clock;
  readonly log: Pick<Log, "warning" | "error">;
  readonly postgres: Pick<Postgres, "observe" | "server" | "settings">;
  readonly peers: Pick<Peers, "isAlive">;
  readonly consents: ConsentRecord;
  readonly memory: Remembering;
  readonly inForce: Pick<ConfigInForce, "settings" | "takeOver">;
  readonly last: SeenScope;
  readonly store: Pick<StoreView, "first">;
  readonly keeper: Pick<PledgeKeeper, "look">;
  readonly config: () => {
    readonly self: MemberName;
    /** Dynamic document to begin with when neither store nor cache has one. */
    readonly bootstrapDocument: Readonly<Record<string, unknown>> | null;
  };
}

/** Prepares an agent for its first cycle. */
export class Startup {
  readonly #parts: StartParts;

  constructor(parts: StartParts) {
    this.#parts = parts;
  }

  /**
   * Prepares the agent; waits for the store as long as it takes.
   *
   * @throws {StartRefusedError} If another agent of this name is alive.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { memory, postgres, inForce, last, peers, config } = this.#parts;
    // Before a leader without store can ask: whoever has pledged does not agree.
    await this.#parts.keeper.look();
    memory.remember({ kind: "began", lastConsent: await this.#lastConsent() });
    const cached = await postgres.settings.loadDynamicConfig();
    await inForce.takeOver(cached ?? config().bootstrapDocument ?? {});
    await this.#awaitFirstView(signal);
    const { self } = config();
    const own = last.view === null ? null : memberOf(last.view, self);
    if (own?.apiUrl != null && await peers.isAlive(own.apiUrl)) {
      throw new StartRefusedError(
        `Can't start; there is already a node named '${self}' running`,
      );
    }
    if (own === null) await this.#refuseSharedSlot();
  }

  /** Who comes new can still have another name; of two that stream by one slot, one never does. */
  async #refuseSharedSlot(): Promise<void> {
    const { config, last, inForce, postgres, log } = this.#parts;
    const { self } = config();
    const slot = slotNameOf(self);
    const other = last.view?.members.find(({ name }) =>
      name !== self && slotNameOf(name) === slot
    );
    if (other === undefined || !inForce.settings.hasSlots) return;
    const text = `member '${other.name}' has the same replication slot name ` +
      `'${slot}' as '${self}'`;
    if ((await postgres.observe()).kind === "empty") {
      throw new StartRefusedError(`Can't start; ${text}: choose another name`);
    }
    log.error(`One of two members cannot stream: ${text}`);
  }

  /** What may have been promised before this agent began: anything until now, if nobody wrote it down. */
  async #lastConsent(): Promise<LastConsent> {
    const { clock, consents, log } = this.#parts;
    const at = clock.now();
    const known = await consents.load();
    // A clock that stands before it belongs to another life of this host.
    if (known !== null && known.at <= at) return known;
    const unknown = { at, ttlMs: null };
    await consents.save(unknown).catch((error: unknown) =>
      log.warning(`Cannot keep a record of consents: ${String(error)}`)
    );
    return unknown;
  }

  async #awaitFirstView(signal: AbortSignal): Promise<void> {
    const { clock, inForce, log, store } = this.#parts;
    while (!signal.aborted) {
      const timeoutMs = inForce.settings.retryTimeoutMs;
      try {
        await store.first({ timeoutMs });
        return;
      } catch (error) {
        if (!(error instanceof DcsUnreachableError)) throw error;
        log.warning(`Can not get cluster from dcs: ${error.message}`);
      }
      await this.#stopUncovered();
      await clock.sleep(TRY_AGAIN_MS, signal);
    }
  }

  /** A primary that no agent holds a lease for must not go on while nobody can say who leads. */
  async #stopUncovered(): Promise<void> {
    const { postgres, log, inForce } = this.#parts;
    const seen = {
      postgres: await postgres.observe(),
      settings: inForce.settings,
    };
    if (beforeFirstView(seen) === "leave") return;
    log.warning(
      "demoted self because DCS is not accessible and I was a leader",
    );
    await postgres.server.stop({
      mode: "fast",
      isCheckpointFirst: false,
      escalateAfterMs: inForce.settings.retryTimeoutMs,
      onShutdownCheckpoint: null,
    });
  }
}
