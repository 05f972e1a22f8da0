/**
 * What this instance must have as a standby of a given upstream: recovery
 * settings in force, configuration files, a line in the password file. Puts it
 * in place, and finds out whether all of it still is.
 */
import type { StandbyChange } from "../../core/model/postgres_view.ts";
import type { FollowResult, PostgresPeer } from "../../ports/postgres.ts";
import { standbyRoleOf } from "./settings/instance_role.ts";
import type { LocalSession } from "./session/local_session.ts";
import type { Observer } from "./observer.ts";
import type { PostgresContext } from "./options.ts";
import { allowPassword, isPasswordKnown } from "./session/pgpass.ts";
import { livePostmaster } from "./process/pid_file.ts";
import {
  changeNeeded,
  type RecoverySettings,
  standbySettings,
} from "./settings/recovery.ts";
import type { ConfigFiles } from "./settings/config_files.ts";
import type { WantedSettings } from "./settings/wanted_settings.ts";
import { hasSignal } from "./directory/signal_files.ts";
import { majorVersion } from "./process/version.ts";

/** What this part works with. */
interface StandbyTools {
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  readonly session: LocalSession;
  readonly observer: Observer;
  /** Lets the server read its files again. */
  readonly reload: () => Promise<void>;
}

/** Makes this instance a standby of a given upstream, and checks that it still is. */
export class Standby {
  readonly #context: PostgresContext;
  readonly #tools: StandbyTools;
  /**
   * The difference that was mended last. A value that the server shows in
   * another way than we wrote it must not be mended in every cycle.
   */
  #mended = "";

  constructor(context: PostgresContext, tools: StandbyTools) {
    this.#context = context;
    this.#tools = tools;
  }

  /** See the port. */
  async follow(upstream: PostgresPeer | null): Promise<FollowResult> {
    const { files, session, reload } = this.#tools;
    const needs = await this.setUpstream(upstream);
    if (await livePostmaster(this.#context) === null) {
      await files.write();
      return "restart_needed";
    }
    const isWritten = await files.write();
    if (!await hasSignal(this.#context)) return "restart_needed";
    const live = await session.recoverySettings();
    const major = await majorVersion(this.#context);
    const needed = changeNeeded(live, needs, major);
    this.#mended = difference(live, needs);
    if (needed === "restart") return "restart_needed";
    if (needed === "nothing" && !isWritten) return "unchanged";
    await reload();
    return needed === "nothing" ? "unchanged" : "reloaded";
  }

  /** No upstream any more. An archive may stay: who reads it acknowledges nothing. */
  async close(): Promise<void> {
    const { files, reload } = this.#tools;
    await this.setUpstream(null);
    await files.write();
    await reload();
  }

  /** Recovery settings for `upstream`, with its password where libpq finds it. */
  async setUpstream(upstream: PostgresPeer | null): Promise<RecoverySettings> {
    if (upstream !== null) {
      await allowPassword(this.#context, "replication", [upstream]);
    }
    const { wanted } = this.#tools;
    await wanted.setRole(standbyRoleOf(upstream, wanted.standbyCluster()));
    const needs = await this.#needs(upstream);
    await wanted.change({ recovery: needs });
    return needs;
  }

  /** See the port. A few small files; the settings in force are those of the last look. */
  async change(upstream: PostgresPeer | null): Promise<StandbyChange> {
    const { files, observer } = this.#tools;
    const live = observer.recovery;
    if (live === null) return "nothing";
    const needs = await this.#needs(upstream);
    const major = await majorVersion(this.#context);
    const needed = changeNeeded(live, needs, major);
    if (needed === "nothing") this.#mended = "";
    else if (this.#mended !== difference(live, needs)) return needed;
    const isReady = upstream === null ||
      await isPasswordKnown(this.#context, "replication", upstream);
    return isReady && await files.isWritten(needs) ? "nothing" : "reload";
  }

  async #needs(upstream: PostgresPeer | null): Promise<RecoverySettings> {
    const { wanted } = this.#tools;
    const config = await wanted.config();
    const major = await majorVersion(this.#context);
    const cluster = wanted.standbyCluster();
    return standbySettings(this.#context, config, { upstream, major, cluster });
  }
}

function difference(live: RecoverySettings, wanted: RecoverySettings): string {
  return JSON.stringify([live, wanted]);
}
