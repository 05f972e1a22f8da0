/**
 * Which errors are refusals, and what is said of them. Without imports, because
 * the entry point needs it and loads rooms only when they are used.
 */

/** Errors whose message says all that an operator needs; everything else is a bug of ours. */
const REFUSALS: ReadonlySet<string> = new Set([
  "ConfigError",
  "StartRefusedError",
  "ListenError",
  "ProxyStartError",
  "PostgresError",
  "DcsRefusedError",
  "SecretsError",
  "VolumeTakenError",
]);

/** Whether the message is meant for an operator. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && REFUSALS.has(error.name);
}

/** What an error says, on one line. */
export function refusalText(error: unknown): string {
  return isRefusal(error)
    ? refusalLines(error).map((line) => line.trim()).join("; ")
    : String(error);
}

/** The lines of a refusal; what led to a configuration error comes first. */
export function refusalLines(error: Error): readonly string[] {
  const causes = "logs" in error && Array.isArray(error.logs) ? error.logs : [];
  return [...causes.map(String), ...error.message.split("\n")];
}
