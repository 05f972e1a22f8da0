/**
 * Keeps the member's entry in Consul's catalog as its key says, beside the
 * cycle: nobody waits for it, and a failure is tried again in the next one.
 */
import type { ConsulApi } from "./api.ts";
import {
  type ServicePlace,
  type ServiceSettings,
  serviceWish,
} from "./service.ts";

const LIMITS = { timeoutMs: 3000 };

/** What the registrar works with. */
export interface RegistrarParts {
  readonly api: Pick<ConsulApi, "put">;
  readonly scope: string;
  readonly member: string;
  readonly settings: () => ServiceSettings & { readonly token: string | null };
  /** Told once for each new problem. */
  readonly warn: (text: string) => void;
}

/** One member's entry. */
export class Registrar {
  readonly #parts: RegistrarParts;
  #text: string | null = null;
  #sessionSeconds = 0;
  /** What Consul was told last; null: nothing yet, and nothing to take back. */
  #told: string | null = null;
  #isBusy = false;
  #problem: string | null = null;

  constructor(parts: RegistrarParts) {
    this.#parts = parts;
  }

  /** The key of this member in the scope. */
  get key(): string {
    return `members/${this.#parts.member}`;
  }

  /** A session was opened. */
  noteSession(ttlMs: number): void {
    this.#sessionSeconds = Math.ceil(ttlMs / 2000);
  }

  /** The member key was written. */
  noteMember(text: string): void {
    this.#text = text;
  }

  /** Brings the catalog up to date; returns at once. */
  tend(): void {
    if (this.#text === null || this.#isBusy) return;
    this.#isBusy = true;
    this.#settle(this.#text).then(
      () => this.#problem = null,
      (error: unknown) => this.#complain(error),
    ).finally(() => this.#isBusy = false);
  }

  async #settle(text: string): Promise<void> {
    const { api, settings, scope, member } = this.#parts;
    const place: ServicePlace = {
      ...{ scope, member },
      sessionSeconds: this.#sessionSeconds,
    };
    const { token, ...service } = settings();
    const wish = serviceWish(text, place, service);
    if (wish.kind === "keep") return;
    const isGone = wish.kind === "deregister";
    const wanted = isGone ? null : JSON.stringify([wish.body, token]);
    if (wanted === this.#told) return;
    if (isGone) {
      const id = encodeURIComponent(`${scope}/${member}`);
      await api.put(`agent/service/deregister/${id}`, null, LIMITS);
    } else await api.put("agent/service/register", wish.body, LIMITS);
    this.#told = wanted;
  }

  #complain(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (text !== this.#problem) {
      this.#parts.warn(`Consul's catalog is not up to date: ${text}`);
    }
    this.#problem = text;
  }
}
