/**
 * Asks PostgreSQL itself which configured parameters it would reject, so that
 * one wrong value cannot keep an instance from starting: unknown and unreadable
 * ones are dropped, numbers out of range are clamped, each with a warning.
 *
 * The server's own verdict replaces a table of rules per version.
 * Source: docs/contract/configuration.md 6.2; PostgreSQL 17 `guc.c`, parse_and_validate_value.
 */
import type { PostgresContext } from "../options.ts";
import { programPath, run } from "../process/programs.ts";
import { renderSettings } from "./settings_file.ts";

type Parameters = Readonly<Record<string, string>>;

/** One complaint of the server. */
export interface Complaint {
  readonly name: string;
  /** The value to use instead; null: none. */
  readonly replacement: string | null;
  readonly message: string;
}

/** Each round repairs everything the server names; more rounds are a loop. */
const ROUNDS_MAX = 4;

/** Parameters that the server accepts, changed where needed. */
export async function acceptedParameters(
  context: PostgresContext,
  parameters: Parameters,
): Promise<Parameters> {
  let accepted = parameters;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const complaints = await complaintsAbout(context, accepted);
    if (complaints.length === 0) return accepted;
    accepted = repaired(context, accepted, complaints);
  }
  return accepted;
}

function repaired(
  context: PostgresContext,
  parameters: Parameters,
  complaints: readonly Complaint[],
): Parameters {
  const result: Record<string, string> = { ...parameters };
  for (const { name, replacement, message } of complaints) {
    const key = Object.keys(result).find((k) =>
      k.toLowerCase() === name.toLowerCase()
    );
    if (key === undefined) continue;
    const value = result[key];
    if (replacement === null) {
      delete result[key];
      context.log.warning(
        `Removing unexpected parameter=${key} value=${value} from the config`,
        { complaint: message },
      );
    } else {
      result[key] = replacement;
      context.log.warning(
        `Value=${value} of parameter=${key} is out of range, ` +
          `changing it to ${replacement}`,
        { complaint: message },
      );
    }
  }
  return result;
}

async function complaintsAbout(
  context: PostgresContext,
  parameters: Parameters,
): Promise<readonly Complaint[]> {
  const path = await Deno.makeTempFile({ prefix: "matriarch-check-" });
  try {
    await Deno.writeTextFile(
      path,
      renderSettings({
        include: "/dev/null",
        parameters,
        recovery: null,
        standbysManagedBy: null,
      }),
    );
    const { code, stderr } = await run({
      command: programPath(context, "postgres"),
      output: "parsed",
      args: [
        "-D",
        context.options.dataDir,
        `--config-file=${path}`,
        // The parameters may name another language, from their line on.
        "--lc_messages=C",
        "-C",
        "port",
      ],
      signal: AbortSignal.timeout(10_000),
    });
    return code === 0 ? [] : parseComplaints(stderr);
  } finally {
    await Deno.remove(path);
  }
}

const LOG_LINE = "LOG:";

const RANGE =
  /\((-?[\d.eE+]{1,40})( \w{1,9})? \.\. (-?[\d.eE+]{1,40})( \w{1,9})?\)/;

/** Reads the server's log lines about a rejected configuration file. */
export function parseComplaints(stderr: string): readonly Complaint[] {
  const complaints: Complaint[] = [];
  for (const line of stderr.split("\n")) {
    const at = line.indexOf(LOG_LINE);
    if (at < 0) continue;
    const message = line.slice(at + LOG_LINE.length).trim();
    // The first one is the server's; what a value says may look like another.
    const name = /parameter "([\w.]+)"/.exec(message)?.[1];
    if (name === undefined) continue;
    complaints.push({
      name,
      replacement: nearestValid(message),
      message,
    });
  }
  return complaints;
}

/** `5 is outside the valid range for parameter "x" (64 kB .. 99 kB)`: `64kB`. */
function nearestValid(message: string): string | null {
  const given = Number.parseFloat(message);
  const match = RANGE.exec(message);
  if (match === null || Number.isNaN(given)) return null;
  const isLow = given < Number(match[1]);
  const [value, unit] = isLow ? [match[1], match[2]] : [match[3], match[4]];
  return `${value}${(unit ?? "").trim()}`;
}
