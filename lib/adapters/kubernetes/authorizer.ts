/**
 * The header that lets a request in. A service account's token ends after about
 * an hour; the file has the next one in good time, so it is read every minute,
 * and at once when the API server refuses the known one.
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { after, type Moment } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Authorization } from "./options.ts";

const READ_EVERY_MS = 60_000;

/** Knows what to say to the API server. */
export class Authorizer {
  readonly #authorization: Authorization;
  readonly #clock: Pick<Clock, "now">;
  #token: { readonly text: string; readonly until: Moment } | null = null;

  constructor(authorization: Authorization, clock: Pick<Clock, "now">) {
    this.#authorization = authorization;
    this.#clock = clock;
  }

  /**
   * Of the next request; null: none is needed.
   *
   * @throws {Error} If there never was a token in the file.
   */
  header(): string | null {
    const { kind } = this.#authorization;
    switch (kind) {
      case "none":
        return null;
      case "token":
        return `Bearer ${this.#authorization.token}`;
      case "token_file":
        return `Bearer ${this.#fromFile(this.#authorization.path)}`;
      case "password": {
        const { username, password } = this.#authorization;
        const pair = Buffer.from(`${username}:${password}`).toString("base64");
        return `Basic ${pair}`;
      }
    }
  }

  /** The API server refused that header; whether there is another one now. */
  refused(header: string | null): boolean {
    const { kind } = this.#authorization;
    const known = this.#token;
    if (kind !== "token_file" || known === null) return false;
    // Of two requests that were on their way, only the first reads the file.
    if (this.header() !== header) return true;
    this.#token = { ...known, until: this.#clock.now() };
    return this.header() !== header;
  }

  #fromFile(path: string): string {
    const now = this.#clock.now();
    const known = this.#token;
    if (known !== null && now < known.until) return known.text;
    const text = readToken(path) ?? known?.text;
    if (text === undefined) throw new Error(`there is no token in ${path}`);
    this.#token = { text, until: after(now, READ_EVERY_MS) };
    return text;
  }
}

/** A file that is just being replaced leaves the old token in force. */
function readToken(path: string): string | null {
  try {
    const text = readFileSync(path, "utf8").trim();
    return /^[!-~]+$/.test(text) ? text : null;
  } catch {
    return null;
  }
}
