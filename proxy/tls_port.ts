/** A port at which the proxy ends TLS itself, as plain data. */
import type { Route } from "./doors.ts";

/** What clients of certain names get. */
export interface TlsCertificate {
  /** In small letters; `*.` stands for one label in front. Empty: all others. */
  readonly names: readonly string[];
  /** Where they go in. */
  readonly door: Route;
  /** Path of a PEM file. */
  readonly certfile: string;
  /** Null: in that file. */
  readonly keyfile: string | null;
  /** The setting that names the files, for errors. */
  readonly setting: string;
}

/** TLS from the proxy to servers. */
export interface ServerTls {
  /** Without checks, by an authority, by an authority and a name. */
  readonly mode: "require" | "verify-ca" | "verify-full";
  /** Path of the authorities' certificates; there with a check. */
  readonly cafile: string | null;
  /** What every server's certificate has to say with `verify-full`; null: its own host. */
  readonly name: string | null;
  /** The setting that names the file, for errors. */
  readonly setting: string;
}

/** One port. */
export interface TlsPort {
  /** The door whose port it is. */
  readonly door: Route;
  /** The first one is for whoever asks for no name, or for one that is not there. */
  readonly certificates: readonly TlsCertificate[];
  /** Null: without TLS to servers. */
  readonly server: ServerTls | null;
}

/**
 * Which of a port's certificates is for a name; the whole name counts before one
 * with a star.
 *
 * @param name As the client said it; null: it said none.
 * @returns Its place in `certificates`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const files = { certfile: "/c", keyfile: null, setting: "x" };
 * const server = null;
 * const certificates = [
 *   { ...files, names: [], door: "a" },
 *   { ...files, names: ["*.db.example"], door: "b" },
 * ];
 * assert.equal(certificateFor({ door: "a", certificates, server }, "RO.db.example"), 1);
 * assert.equal(certificateFor({ door: "a", certificates, server }, "db.example"), 0);
 * ```
 */
export function certificateFor(
  { certificates }: TlsPort,
  name: string | null,
): number {
  const asked = (name ?? "").toLowerCase();
  const dot = asked.indexOf(".");
  const wanted = [asked, ...(dot > 0 ? [`*${asked.slice(dot)}`] : [])];
  for (const one of wanted) {
    const at = certificates.findIndex(({ names }) => names.includes(one));
    if (at >= 0) return at;
  }
  return 0;
}
