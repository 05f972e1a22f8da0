/** What a failure of Redis's means for the caller of a port. */
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";

/** First words of Redis's own errors that go away by themselves. */
const FOR_NOW: readonly string[] = [
  ...["LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN"],
  ...["READONLY", "STANDBY", "NOREPLICAS", "MISCONF", "UNKILLABLE"],
];
const LOGIN: readonly string[] = ["NOAUTH", "WRONGPASS", "DENIED"];
const STRANGER = /Unknown RESP type|Protocol error|unknown command .HELLO/;
const TEXT_LENGTH_MAX = 200;

/**
 * The error that a failure is.
 *
 * @param where Host and port, for the reader of the message.
 */
export function redisError(
  error: unknown,
  where: string,
): DcsRefusedError | DcsUnreachableError {
  if (
    error instanceof DcsRefusedError || error instanceof DcsUnreachableError
  ) {
    return error;
  }
  const said = shown(error instanceof Error ? error.message : String(error));
  const refusal = refusalOf(error, said, where);
  return refusal === null
    ? new DcsUnreachableError(`Cannot reach Redis at ${where}: ${said}`, {
      cause: error,
    })
    : new DcsRefusedError(refusal, { cause: error });
}

function refusalOf(
  error: unknown,
  said: string,
  where: string,
): string | null {
  if (STRANGER.test(said)) {
    return `What answers at ${where} is not Redis (6 or newer)`;
  }
  const [first = ""] = said.split(" ");
  if (LOGIN.includes(first) || said.startsWith("ERR AUTH")) {
    return `Redis at ${where} and this member's login do not fit: ${said}`;
  }
  if (first === "NOPERM") {
    return `Redis at ${where} does not give this user the rights to keep a ` +
      `scope (EVAL, HMGET, HSET, PUBLISH, SUBSCRIBE, INFO, CONFIG GET, WAIT): ` +
      said;
  }
  const isReply = error instanceof Error && error.name === "ReplyError";
  return isReply && !FOR_NOW.includes(first)
    ? `Redis at ${where} refuses: ${said}`
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
