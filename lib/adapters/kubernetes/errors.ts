/** What an answer of the API server that is no success means for the caller of a port. */
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import type { KubeReply } from "./transport.ts";
import { statusOf } from "./wire.ts";

/** "Not now" in each version. */
const NOT_NOW: readonly number[] = [429, 500, 503, 504];

const TEXT_LENGTH_MAX = 300;

/** Whether the server says that it cannot serve just now, or an operator says so of that answer. */
export function isNotNow(
  { status, retryAfterMs }: KubeReply,
  retriable: readonly number[],
): boolean {
  return NOT_NOW.includes(status) || retriable.includes(status) ||
    (status >= 400 && retryAfterMs !== null);
}

/**
 * The error that an unexpected answer is.
 *
 * @param server For the reader of the message.
 */
export function errorOf(
  reply: KubeReply,
  server: string,
  retriable: readonly number[],
): DcsRefusedError | DcsUnreachableError {
  const { status, body } = reply;
  if (body.includes("HTTP request to an HTTPS server")) {
    return new DcsRefusedError(`${server} takes TLS only: use https`);
  }
  const told = statusOf(body);
  if (isNotNow(reply, retriable) || status >= 500) {
    const said = shown(told?.message ?? body);
    return new DcsUnreachableError(
      `Kubernetes at ${server} cannot serve: ${said} (status ${status})`,
    );
  }
  if (told === null && status !== 401 && status !== 403) {
    return strangerError(reply, server);
  }
  return new DcsRefusedError(
    `Kubernetes at ${server} ${refusal(status, shown(told?.message ?? body))}`,
  );
}

function refusal(status: number, said: string): string {
  switch (status) {
    case 401:
      return `does not accept these credentials (${said}): the token has ` +
        "ended, or is not of this cluster";
    case 403:
      return `does not allow what is needed: ${said}. The rights that a ` +
        "member needs are in docs/kubernetes/rbac.yaml";
    case 404:
      return `has no such thing: ${said}`;
    default:
      return `refuses: ${said} (status ${status})`;
  }
}

/** The server on that port is something else. */
export function strangerError(
  { status, body }: Pick<KubeReply, "status" | "body">,
  server: string,
): DcsRefusedError {
  return new DcsRefusedError(
    `What answers at ${server} is no API server of Kubernetes: status ` +
      `${status}, ${shown(body)}`,
  );
}

/** There was no answer at all. */
export function transportError(
  cause: unknown,
  server: string,
): DcsUnreachableError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DcsUnreachableError(
    `Cannot reach Kubernetes at ${server}: ${shown(why)}`,
    { cause },
  );
}

/** A text of a stranger, fit for one line of a log. */
function shown(text: string): string {
  const line = text.replace(/[^\x20-\x7e\u00a0-\uffff]+/g, " ").trim();
  if (line === "") return "(no text)";
  return line.length > TEXT_LENGTH_MAX
    ? `${line.slice(0, TEXT_LENGTH_MAX)}...`
    : line;
}
