/**
 * What ALTER SYSTEM left in postgresql.auto.conf against the agent: PostgreSQL
 * reads that file last, so it beats the configured values, and what is given on
 * the command line beats it. Either way one of two people is surprised.
 */
import { join } from "node:path";
import { RECOVERY_NAMES } from "../../../core/base/recovery_names.ts";
import { readTextOrNull } from "./files.ts";
import type { EffectivePostgresConfig, PostgresContext } from "../options.ts";

/** Value by name, in small letters. */
export type AutoSettings = ReadonlyMap<string, string>;

const SETTING = /^([\w.]+)\s*=\s*'((?:[^']|'')*)'$/;
const STANDBYS = "synchronous_standby_names";

/** The settings in the file; none if it cannot be read. */
export async function readAutoSettings(
  context: PostgresContext,
): Promise<AutoSettings> {
  const path = join(context.options.dataDir, "postgresql.auto.conf");
  return parseAutoSettings(await readTextOrNull(path).catch(() => null) ?? "");
}

/** The file is PostgreSQL's own, so it has one form; the last line counts. */
export function parseAutoSettings(text: string): AutoSettings {
  const pairs = text.split("\n").flatMap((line) => {
    const match = SETTING.exec(line.trim());
    const [, name = "", value = ""] = match ?? [];
    return match === null
      ? []
      : [[name.toLowerCase(), value.replaceAll("''", "'")] as const];
  });
  return new Map(pairs);
}

/** A sentence for each setting that is against the agent's, sorted. */
export function conflicts(
  settings: AutoSettings,
  config: Pick<EffectivePostgresConfig, "commandLine" | "parameters">,
  standbys: "managed" | "user",
): readonly string[] {
  const configured = new Map(
    Object.entries(config.parameters)
      .map(([name, value]) => [name.toLowerCase(), value]),
  );
  return [...settings].sort(([a], [b]) => a < b ? -1 : 1)
    .flatMap(([name, value]) => {
      if (RECOVERY_NAMES.has(name)) return [];
      const given = config.commandLine[name];
      const wanted = configured.get(name);
      const effect = given !== undefined
        ? `has no effect, PostgreSQL is started with ${given}`
        : name === STANDBYS && standbys === "managed"
        ? "beats the names that synchronous_mode sets, which cannot work"
        : wanted === undefined
        ? null
        : `beats the configured value '${wanted}'`;
      const isSame = (given ?? wanted) === value;
      return effect === null || isSame ? [] : [
        `ALTER SYSTEM: ${name} = '${value}' in postgresql.auto.conf ` +
        `${effect}; ALTER SYSTEM RESET ${name} takes it back`,
      ];
    });
}

/** Says what conflicts, once each time that it is another. */
export class AutoConfAudit {
  readonly #context: PostgresContext;
  #told = "";

  constructor(context: PostgresContext) {
    this.#context = context;
  }

  async look(standbys: "managed" | "user"): Promise<void> {
    const { config, log } = this.#context;
    if (config === null) return;
    const settings = await readAutoSettings(this.#context);
    const sentences = conflicts(settings, config, standbys);
    const text = sentences.join("\n");
    if (text !== this.#told) sentences.forEach((each) => log.warning(each));
    this.#told = text;
  }
}
