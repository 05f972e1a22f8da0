/**
 * As much of HTTP/1 as a page of statistics needs: the head of one request, of
 * bounded length, and whether it is meant for this host at all.
 *
 * Source: RFC 9112, sections 3 and 5; RFC 9110, section 7.2 (Host).
 */
import { isIP } from "node:net";

/** A longer head is no browser's and no monitoring's. */
export const HEAD_BYTES_MAX = 8 * 1024;

/** One request, without its body: nothing here takes one. */
export interface RequestHead {
  readonly method: string;
  /** Without query, unless that asks for {@link CSV_SUFFIX}. */
  readonly path: string;
  /** Name or address, without port and brackets, in small letters; null: it names none. */
  readonly host: string | null;
  /** The value of Authorization; null: there is none. */
  readonly authorization: string | null;
}

/** How collectors of HAProxy's statistics ask for them: `/;csv`, `/stats;csv`, `/?stats;csv`. */
export const CSV_SUFFIX = ";csv";

const END = "\r\n\r\n";
/** A longer one is no browser's either. */
const REQUEST_LINE_MAX = 2_048;
const REQUEST_LINE = /^([A-Z]+) (\/[!-~]*) HTTP\/1\.[01]$/;

/**
 * The head that bytes begin with; "incomplete" if more are needed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const bytes = new TextEncoder().encode("GET /stats?x HTTP/1.1\r\nHost: db1:7000\r\n\r\n");
 * assert.deepEqual(requestHead(bytes), {
 *   method: "GET",
 *   path: "/stats",
 *   host: "db1",
 *   authorization: null,
 * });
 * ```
 */
export function requestHead(
  bytes: Uint8Array,
): RequestHead | "incomplete" | "garbage" {
  const text = new TextDecoder("latin1").decode(bytes);
  const end = text.indexOf(END);
  if (end < 0) {
    return bytes.length < HEAD_BYTES_MAX ? "incomplete" : "garbage";
  }
  const [first = "", ...fields] = text.slice(0, end).split("\r\n");
  const line = first.length > REQUEST_LINE_MAX
    ? null
    : REQUEST_LINE.exec(first);
  if (line === null) return "garbage";
  const [, method = "", target = "/"] = line;
  const hosts = valuesOf(fields, "host:");
  const logins = valuesOf(fields, "authorization:");
  if (hosts.length > 1 || logins.length > 1) return "garbage";
  const host = hosts[0] === undefined ? null : hostName(hosts[0]);
  const authorization = logins[0]?.trim() ?? null;
  const path = target.endsWith(CSV_SUFFIX)
    ? target
    : target.split("?", 1)[0] ?? "/";
  return { method, path, host, authorization };
}

function valuesOf(
  fields: readonly string[],
  name: string,
): readonly string[] {
  return fields.filter((field) => field.toLowerCase().startsWith(name))
    .map((field) => field.slice(name.length));
}

function hostName(value: string): string {
  const text = value.trim().toLowerCase();
  const bracketed = /^\[([0-9a-f:.]+)\](?::\d*)?$/.exec(text)?.[1];
  return bracketed ?? text.replace(/:\d*$/, "").replace(/\.$/, "");
}

/**
 * Whether a request may be for this host: a foreign page can give a name of its
 * own this host's address, and would read what it shows, but the browser then
 * sends that name.
 *
 * @param names The host's own names, in small letters, and those it listens on.
 */
export function isOwnHost(
  host: string | null,
  names: {
    readonly own: ReadonlySet<string>;
    readonly listen: readonly string[];
  },
): boolean {
  // Only programs that are no browsers leave it out.
  if (host === null || isIP(host) !== 0 || host === "localhost") return true;
  const listen = names.listen.map((name) => name.toLowerCase());
  return host !== "" && (names.own.has(host) || listen.includes(host));
}
