/**
 * The local instance's logical slots, and what they need of the settings: put
 * together from the parts in this folder.
 */
import type { LogicalSlot } from "../../../core/model/slot_settings.ts";
import { PostgresError } from "../../../ports/errors.ts";
import type {
  LogicalSlotPlan,
  PostgresPeer,
  PostgresSlots,
  SlotFile,
  SlotPlan,
} from "../../../ports/postgres.ts";
import type { LocalSession } from "../session/local_session.ts";
import type { PostgresContext } from "../options.ts";
import { livePostmaster } from "../process/pid_file.ts";
import type { ConfigFiles } from "../settings/config_files.ts";
import type { WantedSettings } from "../settings/wanted_settings.ts";
import { changeSlots } from "./slots.ts";
import { readCatalogXmins, readSlots, writeSlots } from "./slots_copy.ts";
import { changeLogicalSlots } from "./slots_logical.ts";
import { remoteTarget } from "../session/targets.ts";

/** What the slots use of the instance. */
interface SlotTools {
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  readonly session: LocalSession;
  /** Writes what differs and lets a running server read it. */
  readonly applyFiles: () => Promise<unknown>;
}

/** The logical slots of the local instance. */
export class LocalSlots implements PostgresSlots {
  readonly #context: PostgresContext;
  readonly #tools: SlotTools;

  constructor(context: PostgresContext, tools: SlotTools) {
    this.#context = context;
    this.#tools = tools;
  }

  /** Physical slots, and drops of both kinds. */
  async apply(plan: SlotPlan): Promise<void> {
    const isEmpty = plan.create.length === 0 && plan.drop.length === 0 &&
      Object.keys(plan.advance).length === 0;
    if (isEmpty) return;
    await this.#tools.session.sql((query) =>
      changeSlots(query, plan, this.#context.log)
    );
  }

  async applyLogical(
    plan: LogicalSlotPlan,
    signal: AbortSignal,
  ): Promise<void> {
    const target = await this.#tools.session.target();
    await changeLogicalSlots(plan, { target, log: this.#context.log, signal });
  }

  async fetch(
    source: PostgresPeer,
    slots: readonly LogicalSlot[],
  ): Promise<readonly SlotFile[]> {
    // PostgreSQL refuses to start with a logical slot and a lower level.
    const { wal_level } = await this.#tools.files.commandLine();
    if (wal_level !== "logical") {
      throw new PostgresError(
        `Logical slots need wal_level logical, not ${wal_level}`,
      );
    }
    const target = remoteTarget(this.#context, "rewind", source);
    const { log, options: { dataDir } } = this.#context;
    return await readSlots({ target, dataDir, log }, slots);
  }

  async install(files: readonly SlotFile[]): Promise<void> {
    if (await livePostmaster(this.#context) !== null) {
      throw new PostgresError("PostgreSQL is still running");
    }
    await writeSlots(this.#context.options.dataDir, files);
  }

  async catalogXmins(
    source: PostgresPeer,
    names: readonly string[],
  ): Promise<Readonly<Record<string, number | null>>> {
    const target = remoteTarget(this.#context, "rewind", source);
    return await readCatalogXmins(target, names);
  }

  async setFeedback(feedback: "forced" | "configured"): Promise<void> {
    const { applyFiles, wanted } = this.#tools;
    const isFeedbackForced = feedback === "forced";
    const before = await wanted.current();
    if (before.isFeedbackForced === isFeedbackForced) return;
    await wanted.change({ isFeedbackForced });
    await applyFiles();
  }
}
