/** What an answer of Consul that is no success means for the caller of a port. */
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import type { ConsulReply } from "./transport.ts";

/** Consul's way to say "not now" (an agent that just started, too); nothing has been done. */
const NOT_NOW =
  /No cluster leader|No known Consul servers|not ready to serve consistent reads|Missing node registration/;

const DENIED = /Permission denied|ACL not found|token does not exist/i;

/** A server that wants TLS says so to who speaks without. */
const WANTS_TLS = /HTTP request to an HTTPS server/;

/** In answers with status 500, which Consul gives for the asker's faults, too. */
const REFUSALS =
  /Invalid Session TTL|[Mm]issing check|is in critical state|No path to datacenter/;

const TEXT_LENGTH_MAX = 200;

/** Whether the same request may be sent again without harm, and soon. */
export function isNotNow({ status, body }: ConsulReply): boolean {
  return status >= 500 && NOT_NOW.test(body);
}

/**
 * The error that an unexpected answer is.
 *
 * @param endpoint For the reader of the message.
 */
export function errorOf(
  reply: ConsulReply,
  endpoint: string,
): DcsRefusedError | DcsUnreachableError {
  const { status, body } = reply;
  const said = shown(body);
  if (status === 401 || status === 403 || DENIED.test(body)) {
    return new DcsRefusedError(
      `Consul at ${endpoint} does not allow this token what it was asked ` +
        `for: ${said}`,
    );
  }
  if (/Invalid Session TTL/.test(body)) return ttlError(body);
  if (WANTS_TLS.test(body)) {
    return new DcsRefusedError(
      `Consul at ${endpoint} takes TLS only: use scheme https`,
    );
  }
  if (status >= 500 && !isRefusal(body)) {
    return new DcsUnreachableError(
      `Consul at ${endpoint} cannot serve: ${said} (status ${status})`,
    );
  }
  const isConsul = status >= 500 || status === 400 && !/^\s*</.test(body);
  return isConsul
    ? new DcsRefusedError(`Consul at ${endpoint} refuses: ${said}`)
    : strangerError(reply, endpoint);
}

function isRefusal(body: string): boolean {
  const isOfCheck = body.includes("heck") &&
    (body.includes("nvalid ") || body.includes("critical") ||
      body.includes("not found"));
  return isOfCheck || REFUSALS.test(body);
}

/** The server on that port is something else. */
export function strangerError(
  { status, body }: Pick<ConsulReply, "status" | "body">,
  endpoint: string,
): DcsRefusedError {
  return new DcsRefusedError(
    `What answers at ${endpoint} is not Consul: status ${status}, ` +
      shown(body),
  );
}

/** There was no answer at all. */
export function transportError(
  cause: unknown,
  endpoint: string,
): DcsUnreachableError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DcsUnreachableError(
    `Cannot reach Consul at ${endpoint}: ${shown(why)}`,
    { cause },
  );
}

/** The agent's session_ttl_min (10 s by default) is above half the ttl. */
function ttlError(body: string): DcsRefusedError {
  const bounds = /\[([0-9a-z.]{1,20})=/.exec(body)?.[1] ?? "10s";
  return new DcsRefusedError(
    `Consul grants no session shorter than ${bounds} (session_ttl_min), and ` +
      `one of half the ttl is needed: raise ttl to twice that, or lower ` +
      `session_ttl_min on Consul's servers`,
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
