/**
 * Judges what a server sends during authentication, before the driver does: a
 * server that is not the expected one must not get a password by asking for it
 * in the clear, or when the login is over, and one that cannot prove that it
 * knows it must not be believed. The driver derives a key as often as it is told
 * to, with the thread held, and fails outside of every call when it cannot.
 *
 * Source: PostgreSQL 17 manual, "Message Formats", Authentication...; RFC 5802.
 */
import type { Buffer } from "node:buffer";
import type { WeakMethod } from "../../../core/base/libpq_options.ts";

const METHODS: ReadonlyMap<number, WeakMethod> = new Map([
  [3, "password"],
  [5, "md5"],
]);
const OK = 0;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;
const CODE_BYTES = 4;
const CHALLENGE = /^r=[!-+\--~]+,s=[0-9A-Za-z+/=]+,i=(\d+)$/;
const CHALLENGE_BYTES_MAX = 512;
/** PostgreSQL's own are 4,096; these take a good half of a second. */
const ITERATIONS_MAX = 1_000_000;

const BROKEN = "The server sent a broken message";

/** Refused by us, not by the server. */
export const AUTH_REFUSED = "AUTH_REFUSED";

/** Watches one connection; see the head of this file. */
export class PasswordGuard {
  readonly #isAnswered: (method: WeakMethod) => boolean;
  #isOver = false;
  #sasl: "none" | "begun" | "proven" = "none";

  constructor(isAnswered: (method: WeakMethod) => boolean) {
    this.#isAnswered = isAnswered;
  }

  /** Whether the driver may still have the password. */
  get isPasswordSafe(): boolean {
    return !this.#isOver;
  }

  /** After an error of the server's nothing is owed to it any more. */
  end(): void {
    this.#isOver = true;
  }

  /** What is wrong with a request or its end, by its body; null: nothing. */
  judge(body: Buffer): string | null {
    const problem = this.#problem(body);
    if (problem !== null) this.#isOver = true;
    return problem;
  }

  #problem(body: Buffer): string | null {
    if (body.length < CODE_BYTES) return BROKEN;
    if (this.#isOver) return "The server asks for a password after the login";
    const code = body.readUInt32BE(0);
    const method = METHODS.get(code);
    if (method !== undefined) return this.#weakProblem(method);
    switch (code) {
      case OK:
        this.#isOver = true;
        return this.#sasl === "begun"
          ? "The server did not prove that it knows the password"
          : null;
      case SASL:
        this.#sasl = "begun";
        return null;
      case SASL_CONTINUE:
        return this.#sasl === "begun" ? challengeProblem(body) : BROKEN;
      case SASL_FINAL:
        if (this.#sasl === "none") return BROKEN;
        this.#sasl = "proven";
        return null;
      default:
        return "The server asks for an authentication that is not known here";
    }
  }

  #weakProblem(method: WeakMethod): string | null {
    if (this.#isAnswered(method)) return null;
    const what = method === "md5" ? "an md5 hash of it" : "in clear text";
    return `The server asks for the password ${what}, which is not answered ` +
      `unless require_auth has "${method}"`;
  }
}

function challengeProblem(body: Buffer): string | null {
  if (body.length > CHALLENGE_BYTES_MAX) return BROKEN;
  const match = CHALLENGE.exec(body.toString("latin1", CODE_BYTES));
  if (match === null) return BROKEN;
  const iterations = Number(match[1]);
  return iterations >= 1 && iterations <= ITERATIONS_MAX
    ? null
    : `The server asks for ${iterations} iterations of SCRAM, the most are ` +
      ITERATIONS_MAX;
}
