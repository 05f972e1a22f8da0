/**
 * The dynamic configuration that is in force: the document of the store, or what
 * the agent began with, and the settings that it makes. Written in here alone.
 */
import {
  decodeSettings,
  settingsProblems,
} from "../core/codec/settings_codec.ts";
import type { TimingFloors } from "../core/codec/timing_codec.ts";
import type { Revision } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import {
  type ClusterSettings,
  DEFAULT_SETTINGS,
} from "../core/model/settings.ts";
import type { Log } from "../ports/log.ts";
import type { Postgres } from "../ports/postgres.ts";
import type { Announcer } from "./events.ts";
import type { Remembered } from "./memory.ts";

type Document = Readonly<Record<string, unknown>>;

/** For who only reads the settings. */
export interface SettingsInForce {
  readonly settings: ClusterSettings;
}

/** What a document is taken over with. */
interface ConfigParts {
  readonly config: () => {
    /** The local `postgresql` section; beats the dynamic one per key. */
    readonly localPostgresql: Document;
    /** The smallest times that a document may ask for; absent: TIMING_FLOORS. */
    readonly timingFloors?: TimingFloors | undefined;
  };
  readonly postgres: Pick<Postgres, "settings">;
  readonly events: Pick<Announcer, "reloaded">;
  readonly memory: Remembered;
  readonly log: Pick<Log, "warning" | "error">;
}

/** The dynamic configuration of one agent. */
export class ConfigInForce implements SettingsInForce {
  readonly #parts: ConfigParts;
  #settings: ClusterSettings = DEFAULT_SETTINGS;
  #document: Document | null = null;
  #revision: Revision | null = null;

  constructor(parts: ConfigParts) {
    this.#parts = parts;
  }

  get settings(): ClusterSettings {
    return this.#settings;
  }

  /** Null before the first one. */
  get document(): Document | null {
    return this.#document;
  }

  /** Takes over what a view shows, if that has changed. */
  async follow({ config }: ClusterView): Promise<void> {
    if (config === null || config.revision === this.#revision) return;
    this.#revision = config.revision;
    if (config.document !== null && !isEmpty(config.document)) {
      await this.takeOver(config.document);
    }
  }

  /** Makes a document the one in force. A document that fails is logged and not tried again. */
  async takeOver(document: Document): Promise<void> {
    const { postgres, events, memory, log } = this.#parts;
    const { localPostgresql, timingFloors } = this.#parts.config();
    for (const problem of settingsProblems(document, timingFloors)) {
      log.warning(problem);
    }
    this.#document = document;
    this.#settings = decodeSettings(document, {
      previous: this.#settings,
      localPostgresql,
      floors: timingFloors,
    });
    try {
      const change = await postgres.settings.configure({ document });
      if (change === "reloaded") events.reloaded();
      if (memory.now.role !== "uninitialized") {
        await postgres.settings.saveDynamicConfig(document);
      }
    } catch (error) {
      log.error(
        `Exception when setting dynamic_configuration: ${String(error)}`,
      );
    }
  }
}

function isEmpty(document: Document): boolean {
  return Object.keys(document).length === 0;
}
