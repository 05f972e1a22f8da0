/**
 * What lets a request in. A service account's token ends after about an hour; the
 * file has the next one in good time, so it is read every minute, and at once when
 * the API server refuses the known one. What a kubeconfig says is read again when
 * it is refused, a login program is run again before its credential ends.
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { after, type Moment } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ExecCredential } from "./exec_credential.ts";
import type {
  Authorization,
  CertificatePair,
  KubernetesCredentials,
  KubernetesOptions,
} from "./options.ts";
import { ProgramLogin } from "./program_login.ts";

const READ_EVERY_MS = 60_000;
/** A file that is refused is not read at each request. */
const REREAD_AFTER_MS = 5_000;

/** How a request shows who sends it. */
export interface KubeLogin {
  /** Null: none. */
  readonly header: string | null;
  /** The same object while it is the same certificate; null: none. */
  readonly pair: CertificatePair | null;
}

/** As whom a request was sent, and what of a program it came from. */
interface Given extends KubeLogin {
  readonly credential: ExecCredential | null;
}

/** Knows what to say to the API server. */
export class Authorizer {
  readonly #clock: Pick<Clock, "now" | "wallTimeMs">;
  readonly #reread: KubernetesOptions["reread"];
  readonly #closing: AbortSignal;
  #credentials: KubernetesCredentials;
  #program: ProgramLogin | null;
  #rereadAt: Moment | null = null;
  #token: { readonly text: string; readonly until: Moment } | null = null;

  constructor(
    { credentials, clock, reread }: Pick<
      KubernetesOptions,
      "credentials" | "clock" | "reread"
    >,
    closing: AbortSignal,
  ) {
    this.#credentials = credentials;
    this.#clock = clock;
    this.#reread = reread;
    this.#closing = closing;
    this.#program = this.#programOf(credentials);
  }

  /**
   * Of the next request.
   *
   * @param limitMs How long a login program may keep it waiting.
   * @throws {Error} With one sentence, if there never was a token in the file, or
   * the login program fails.
   */
  async login(limitMs: number): Promise<Given> {
    const { authorization, pair } = this.#credentials;
    if (this.#program === null) {
      const header = this.#header(authorization);
      return { header, pair, credential: null };
    }
    const credential = await this.#program.credential(limitMs);
    const { token } = credential;
    const header = token === null ? null : `Bearer ${token}`;
    return { header, pair: credential.pair ?? pair, credential };
  }

  /** The API server refused that; whether there may be something else now. */
  refused({ header, pair, credential }: Given): boolean {
    if (this.#program !== null && credential !== null) {
      return this.#program.refused(credential) || this.#isChanged();
    }
    const { authorization } = this.#credentials;
    if (authorization.kind === "token_file") {
      return this.#isTokenNew(authorization, header) || this.#isChanged();
    }
    // Of two requests that were on their way, only the first reads the file.
    return header !== this.#header(authorization) ||
      pair !== this.#credentials.pair || this.#isChanged();
  }

  #header(authorization: Authorization): string | null {
    switch (authorization.kind) {
      case "none":
      case "program":
        return null;
      case "token":
        return `Bearer ${authorization.token}`;
      case "token_file":
        return `Bearer ${this.#fromFile(authorization.path)}`;
      case "password": {
        const { username, password } = authorization;
        const pair = Buffer.from(`${username}:${password}`).toString("base64");
        return `Basic ${pair}`;
      }
    }
  }

  #isTokenNew(authorization: Authorization, header: string | null): boolean {
    const known = this.#token;
    if (known === null) return false;
    if (this.#header(authorization) !== header) return true;
    this.#token = { ...known, until: this.#clock.now() };
    return this.#header(authorization) !== header;
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

  /** Whether the kubeconfig says something else by now; then that counts. */
  #isChanged(): boolean {
    const now = this.#clock.now();
    if (this.#rereadAt !== null && now < this.#rereadAt) return false;
    this.#rereadAt = after(now, REREAD_AFTER_MS);
    const credentials = this.#readAgain();
    if (credentials === null || isSame(credentials, this.#credentials)) {
      return false;
    }
    this.#credentials = credentials;
    this.#program = this.#programOf(credentials);
    this.#token = null;
    return true;
  }

  /** A file that is just being replaced leaves the old credentials in force. */
  #readAgain(): KubernetesCredentials | null {
    try {
      return this.#reread();
    } catch {
      return null;
    }
  }

  #programOf({ authorization }: KubernetesCredentials): ProgramLogin | null {
    return authorization.kind === "program"
      ? new ProgramLogin(authorization.program, this.#clock, this.#closing)
      : null;
  }
}

/** Where the server is does not change while the client is open. */
function isSame(a: KubernetesCredentials, b: KubernetesCredentials): boolean {
  const words = ({ authorization, pair }: KubernetesCredentials) =>
    JSON.stringify([authorization, pair]);
  return words(a) === words(b);
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
