/** Lets the clients of the local instance go before a planned stop. */
import type { PostgresContext } from "../options.ts";
import { IDLE_LIMIT_SINCE, majorVersion } from "../process/version.ts";
import type { ConfigFiles } from "../settings/config_files.ts";
import type { WantedSettings } from "../settings/wanted_settings.ts";
import { endIdleSessions, type SessionLimits } from "./client_sessions.ts";
import type { LocalSession } from "./local_session.ts";

/** What this part works with. */
interface IdleTools {
  readonly session: LocalSession;
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  /** Lets a running server read its files again. */
  readonly reload: () => Promise<void>;
}

/** The clients' sessions that rest. */
export class IdleSessions {
  readonly #context: PostgresContext;
  readonly #tools: IdleTools;

  constructor(context: PostgresContext, tools: IdleTools) {
    this.#context = context;
    this.#tools = tools;
  }

  /**
   * Makes the server itself end sessions that rest for that long outside a
   * transaction; null takes that back. Only the server never hits a transaction
   * that begins in that moment. It holds for sessions that do something once more.
   *
   * @returns False if the server is too old for it.
   *
   * Source: PostgreSQL 14 manual, "idle_session_timeout".
   */
  async limitIdle(limitMs: number | null): Promise<boolean> {
    const { reload, files, wanted } = this.#tools;
    if (await majorVersion(this.#context) < IDLE_LIMIT_SINCE) return false;
    await wanted.change({ idleLimitMs: limitMs });
    if (await files.writeOwn()) await reload();
    return true;
  }

  /** Ends clients' idle sessions; how many are left. */
  async endIdleSessions(limits: SessionLimits): Promise<number> {
    const { session } = this.#tools;
    return await session.sql((query) => endIdleSessions(query, limits));
  }
}
