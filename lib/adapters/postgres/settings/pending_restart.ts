/**
 * Which parameters wait for a restart, with their old and new values as people
 * read them. PostgreSQL's own flag is the truth; this only names the values.
 *
 * Source: docs/contract/ha.md 19.3; PostgreSQL 17 `guc.c`, ShowGUCOption.
 */
import { RECOVERY_NAMES } from "../../../core/base/recovery_names.ts";
import type { PendingRestartReason } from "../../../core/model/member.ts";
import { readAutoSettings } from "../directory/auto_conf.ts";
import type { PostgresContext } from "../options.ts";
import { programPath, run } from "../process/programs.ts";
import type { Query, Rows } from "../session/sql.ts";

type Reasons = Readonly<Record<string, PendingRestartReason>>;

const UNKNOWN = "?";

const MEMORY = ["B", "kB", "MB", "GB", "TB"] as const;
const MEMORY_STEP = 1024;
const TIME: readonly (readonly [string, number])[] = [
  ["us", 1],
  ["ms", 1000],
  ["s", 1000],
  ["min", 60],
  ["h", 60],
  ["d", 24],
];

/** Parameters that wait for a restart, by the server's flag. */
export async function pendingRestart(
  context: PostgresContext,
  query: Query,
  settingsPath: string,
): Promise<Reasons> {
  const rows = await query(
    "SELECT name, unit, current_setting(name) AS value " +
      "FROM pg_settings WHERE pending_restart",
    2_000,
  );
  const reasons: Record<string, PendingRestartReason> = {};
  const auto = rows.length > 0 ? await readAutoSettings(context) : new Map();
  for (const row of rows) {
    const name = String(row["name"]);
    if (RECOVERY_NAMES.has(name) || name === "hot_standby") continue;
    // PostgreSQL flags what ALTER SYSTEM wants, but is started with this value.
    const given = context.config?.commandLine[name];
    if (auto.has(name) && given === String(row["value"])) continue;
    reasons[name] = {
      oldValue: String(row["value"]),
      newValue: await newValue(context, row, settingsPath),
    };
  }
  return reasons;
}

async function newValue(
  context: PostgresContext,
  row: Rows[number],
  settingsPath: string,
): Promise<string> {
  try {
    const { code, stdout } = await run({
      command: programPath(context, "postgres"),
      output: "parsed",
      args: [
        "-D",
        context.options.dataDir,
        `--config-file=${settingsPath}`,
        "-C",
        String(row["name"]),
      ],
      signal: AbortSignal.timeout(5_000),
    });
    if (code !== 0) return UNKNOWN;
    const unit = row["unit"];
    return humanSetting(
      stdout.replace(/\n$/, ""),
      typeof unit === "string" ? unit : null,
    );
  } catch {
    return UNKNOWN;
  }
}

/**
 * A number in a parameter's base unit (`8kB`, `ms` ...) with the largest unit
 * that shows it whole; other texts stay as they are.
 */
export function humanSetting(value: string, unit: string | null): string {
  const amount = Number(value);
  if (unit === null || !Number.isInteger(amount) || amount <= 0) return value;
  const match = /^(\d*)([A-Za-z]+)$/.exec(unit);
  const scaled = amount * Number(match?.[1] || 1);
  const name = match?.[2] ?? "";
  const family = MEMORY.some((memory) => memory === name)
    ? MEMORY.map((memory) => [memory, MEMORY_STEP] as const)
    : TIME;
  return withLargestUnit(scaled, name, family);
}

function withLargestUnit(
  amount: number,
  unit: string,
  family: readonly (readonly [string, number])[],
): string {
  let index = family.findIndex(([name]) => name === unit);
  if (index < 0) return `${amount}${unit}`;
  let rest = amount;
  for (;;) {
    const [name, step] = family[index + 1] ?? ["", 0];
    if (name === "" || rest % step !== 0) break;
    rest /= step;
    index++;
  }
  return `${rest}${family[index]?.[0] ?? unit}`;
}
