/** What a failure of PostgreSQL's means for the caller of a port. */
import { DcsRefusedError, DcsUnreachableError } from "../../../ports/errors.ts";
import { AUTH_REFUSED } from "../session/password_guard.ts";
import { errorCode, errorText } from "../session/sql.ts";

/** PostgreSQL's own codes; classes by their first two characters. */
const UNREACHABLE_CLASSES: readonly string[] = ["08", "53", "57", "58", "XX"];
const STRANGER =
  /does not speak PostgreSQL's protocol|No valid answer to a TLS request/;
const TEXT_LENGTH_MAX = 200;

/** The table, or its schema, is not there. */
export function isMissing(error: unknown): boolean {
  const cause = error instanceof DcsRefusedError ? error.cause : error;
  return ["42P01", "3F000"].includes(errorCode(cause));
}

/**
 * The error that a failure is.
 *
 * @param where Host and port, for the reader of the message.
 */
export function storeError(
  error: unknown,
  where: string,
): DcsRefusedError | DcsUnreachableError {
  if (
    error instanceof DcsRefusedError || error instanceof DcsUnreachableError
  ) {
    return error;
  }
  const code = errorCode(error);
  const said = shown(errorText(error));
  const refusal = refusalOf(code, said, where);
  return refusal === null
    ? new DcsUnreachableError(
      `Cannot reach PostgreSQL at ${where}: ${said}`,
      { cause: error },
    )
    : new DcsRefusedError(refusal, { cause: error });
}

function refusalOf(code: string, said: string, where: string): string | null {
  if (STRANGER.test(said)) {
    return `What answers at ${where} is not PostgreSQL`;
  }
  switch (code) {
    case AUTH_REFUSED:
    case "28000":
    case "28P01":
      return `PostgreSQL at ${where} and this member's login do not fit: ${said}`;
    case "3D000":
      return `PostgreSQL at ${where} does not have the database: ${said}`;
    case "42501":
      return `PostgreSQL at ${where} does not give this user the rights to ` +
        `keep a scope: ${said}`;
  }
  if (said.startsWith("The server does not support TLS")) {
    return `PostgreSQL at ${where} has no TLS, and sslmode wants it`;
  }
  const isSqlState = /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
  return isSqlState && !UNREACHABLE_CLASSES.includes(code.slice(0, 2))
    ? `PostgreSQL at ${where} refuses: ${said}`
    : null;
}

/** A text of a stranger, fit for one line of a log. */
function shown(text: string): string {
  const line = text.replace(/[^\x20-\x7e\u00a0-\uffff]+/g, " ").trim();
  if (line === "") return "(no text)";
  return line.length > TEXT_LENGTH_MAX
    ? `${line.slice(0, TEXT_LENGTH_MAX)}...`
    : line;
}
