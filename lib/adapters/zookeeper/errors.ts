/** What a refusal or a failure of ZooKeeper means for the caller of a port. */
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { CODE } from "./messages.ts";

/** A request was answered with a refusal. */
export class RefusalError extends Error {
  override readonly name = "RefusalError";
  readonly code: number;

  constructor(code: number) {
    super(`error ${code}`);
    this.code = code;
  }
}

/** There is no connection, or not any more; what it was asked may have been done. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** The server on that port is something else. */
export class StrangerError extends Error {
  override readonly name = "StrangerError";
}

const TEXT_LENGTH_MAX = 200;

/** The client has been closed, so trying again is in vain. */
export class ClosedError extends DcsUnreachableError {
  override readonly name = "ClosedError";
}

/** The session of that connection is gone; nothing has been done. */
export class SessionEndedError extends DcsUnreachableError {
  override readonly name = "SessionEndedError";
}

/** The error of the port that a code is. */
export function refusal(
  code: number,
  host: string,
  what: string,
): DcsRefusedError | DcsUnreachableError {
  switch (code) {
    case CODE.unimplemented:
      return new DcsRefusedError(
        `ZooKeeper at ${host} is older than 3.6, and 3.6 is the least`,
      );
    case CODE.noAuth:
      return new DcsRefusedError(
        `ZooKeeper at ${host} does not allow ${what}: who asks ` +
          "(auth_data, or the client certificate) has no right to that",
      );
    case CODE.invalidAcl:
      return new DcsRefusedError(
        `ZooKeeper at ${host} does not know the access control of set_acls: ` +
          "its x509 authentication provider is not switched on",
      );
    case CODE.authFailed:
      return new DcsRefusedError(
        `ZooKeeper at ${host} does not accept auth_data`,
      );
    case CODE.badArguments:
      return new DcsRefusedError(
        `ZooKeeper at ${host} cannot do ${what}: a name in it is no path`,
      );
    case CODE.quotaExceeded:
      return new DcsRefusedError(
        `ZooKeeper at ${host} does not allow ${what}: a quota is used up`,
      );
    case CODE.sessionExpired:
      return new SessionEndedError(
        `ZooKeeper at ${host} has ended this connection's session`,
      );
    case CODE.sessionMoved:
      return new DcsUnreachableError(
        `ZooKeeper at ${host} has this session on another connection`,
      );
    case CODE.throttled:
      return new DcsUnreachableError(
        `ZooKeeper at ${host} has too much to do`,
      );
    default:
      return new DcsRefusedError(
        `ZooKeeper at ${host} refuses ${what}: error ${code}`,
      );
  }
}

/** No server could be used. */
export function unreachable(
  problems: readonly string[],
  cause?: unknown,
): DcsUnreachableError {
  const why = [...new Set(problems.map(shown))].join("; ");
  return new DcsUnreachableError(
    `Cannot reach ZooKeeper: ${why || "no answer in time"}`,
    { cause },
  );
}

/** A text of a stranger, fit for one line of a log. */
export function shown(text: string): string {
  const line = text.replace(/[^\x20-\x7e\u00a0-\uffff]+/g, " ").trim();
  return line.length > TEXT_LENGTH_MAX
    ? `${line.slice(0, TEXT_LENGTH_MAX)}...`
    : line;
}

/** What an unknown thing that was thrown says. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
