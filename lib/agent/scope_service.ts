/** The scope's keys as a REST request reads and writes them. */
import type { Revision } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Member } from "../core/model/member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import type { ConfigWrite, ScopeApi } from "../ports/agent_api.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import type { Peers } from "../ports/peers.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { LastView } from "./last_view.ts";
import type { ScopeReader } from "./scope_reader.ts";
import type { ScopeStore } from "./scope_store.ts";

/** What requests about the scope work with. */
interface ScopeParts {
  readonly reader: Pick<ScopeReader, "freshView">;
  readonly keys: Pick<ScopeStore, "writeConfig" | "writeFailover">;
  readonly peers: Pick<Peers, "ask">;
  readonly last: Pick<LastView, "distrust">;
  readonly inForce: SettingsInForce;
}

/** Serves them. */
export class ScopeService implements ScopeApi {
  readonly #parts: ScopeParts;

  constructor(parts: ScopeParts) {
    this.#parts = parts;
  }

  async freshView(): Promise<ClusterView> {
    const { reader, last } = this.#parts;
    try {
      return await reader.freshView(this.#limits);
    } catch (error) {
      last.distrust();
      throw error;
    }
  }

  askPeers(members: readonly Member[]): Promise<readonly PeerAnswer[]> {
    return this.#parts.peers.ask(members);
  }

  async writeConfig(
    document: Readonly<Record<string, unknown>>,
    expected: Revision | null,
  ): Promise<ConfigWrite> {
    try {
      return await this.#parts.keys.writeConfig(
        document,
        expected,
        this.#limits,
      );
    } catch (error) {
      if (!isStoreError(error)) throw error;
      return "failed";
    }
  }

  async writeFailover(
    request: Readonly<Record<string, string>>,
    expected: Revision | null,
  ): Promise<boolean> {
    try {
      const outcome = await this.#parts.keys.writeFailover(
        request,
        expected,
        this.#limits,
      );
      return outcome === "written";
    } catch (error) {
      if (!isStoreError(error)) throw error;
      return false;
    }
  }

  get #limits(): DcsLimits {
    return { timeoutMs: this.#parts.inForce.settings.retryTimeoutMs };
  }
}

function isStoreError(error: unknown): boolean {
  return error instanceof DcsUnreachableError ||
    error instanceof DcsRefusedError;
}
