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
  /** Without query. */
  readonly path: string;
  /** Name or address, without port and brackets, in small letters; null: it names none. */
  readonly host: string | null;
}

const END = "\r\n\r\n";
const REQUEST_LINE = /^([A-Z]{1,16}) (\/[!-~]{0,2048}) HTTP\/1\.[01]$/;

/**
 * The head that bytes begin with; "incomplete" if more are needed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const bytes = new TextEncoder().encode("GET /stats?x HTTP/1.1\r\nHost: db1:7000\r\n\r\n");
 * assert.deepEqual(requestHead(bytes), { method: "GET", path: "/stats", host: "db1" });
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
  const line = REQUEST_LINE.exec(first);
  if (line === null) return "garbage";
  const [, method = "", target = "/"] = line;
  const hosts = fields.filter((field) => /^host:/i.test(field));
  if (hosts.length > 1) return "garbage";
  const host = hosts[0] === undefined ? null : hostName(hosts[0].slice(5));
  return { method, path: target.split("?", 1)[0] ?? "/", host };
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
