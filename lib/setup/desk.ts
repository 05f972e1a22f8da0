/**
 * The desk of a member: gives certificates to hosts that show a token, and to
 * members that show the certificate they have. Only the member with the
 * authority's key can sign; the others say which one that is.
 *
 * A token is marked as spent in the store before anything is given for it, so of
 * two hosts that show it at the same moment one is refused.
 */
import type { Certificates, CertifiedKey } from "../ports/certificates.ts";
import type { Dcs } from "../ports/dcs.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import type {
  DeskAnswer,
  HostDesk,
  HostRequest,
  RenewalRequest,
} from "../ports/host_desk.ts";
import type { Log } from "../ports/log.ts";
import { type Blueprint, type CommonPart, isPlainName } from "./blueprint.ts";
import { isOwnStore } from "./own_store.ts";
import { BlueprintError } from "./blueprint_of.ts";
import { encodeAdmission } from "./admission_codec.ts";
import { CLOCK_OFF_MS_MAX } from "./lifetimes.ts";
import {
  readScopeKeys,
  type ScopeKeys,
  updateAuthority,
  updateBook,
} from "./store_keys.ts";
import {
  judgeToken,
  type ShownToken,
  type TokenRefusal,
  type TokenVerdict,
} from "./token_book.ts";
import { WrongTokens } from "./wrong_tokens.ts";

/** What the desk works with. */
export interface DeskParts {
  readonly dcs: Dcs;
  readonly certificates: Certificates;
  readonly log: Log;
  readonly self: string;
  readonly wallTimeMs: () => number;
  /** Does not go back. */
  readonly steadyMs: () => number;
  readonly hash: (text: string) => string;
  /** The authority that this member signs with; null: another has it. */
  readonly authority: () => Promise<CertifiedKey | null>;
  readonly certificateMs: () => number;
  /** What all members have in common, as this one has it now; null: it has no data yet. */
  readonly blueprint: () => Promise<Blueprint | null>;
  /** What of it a host without PostgreSQL is told. */
  readonly commonPart: () => CommonPart;
}

/** What a host is told besides its certificate. */
interface Told {
  readonly blueprint: Blueprint | null;
  readonly witness: CommonPart | null;
}

const NOTHING: Told = { blueprint: null, witness: null };

type Refusal = DeskAnswer & { readonly kind: "refused" };

const HOSTS_MAX = 16;
/** An address, or a name of a host. */
const HOST = /^[A-Za-z0-9:.-]{1,253}$/;

const WHY: Readonly<Record<TokenRefusal, string>> = {
  unknown: "is not known",
  wrong: "is wrong",
  expired: "has expired",
  used: "was used before",
};

/** {@link HostDesk} of one member. */
export class Desk implements HostDesk {
  readonly #parts: DeskParts;
  readonly #wrong = new WrongTokens();

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  async admit(request: HostRequest, address: string): Promise<DeskAnswer> {
    const { log, steadyMs } = this.#parts;
    if (this.#wrong.waitMs(address, steadyMs()) > 0) {
      return refusal(429, "too many wrong tokens from there: wait a minute");
    }
    try {
      const answer = await this.#admit(request);
      if (answer.kind === "refused") {
        log.warning(`Refused ${request.name} at ${address}: ${answer.text}`);
        // Of what a stranger may be told nothing is told without end: each costs a
        // look into the store and a line here. Who is to try again is no stranger.
        if (answer.status !== 503) this.#wrong.count(address, steadyMs());
        return answer;
      }
      log.info(`Gave ${request.name} at ${address} a certificate`);
      return answer;
    } catch (error) {
      return storeAway(error);
    }
  }

  async renew(request: RenewalRequest): Promise<DeskAnswer> {
    try {
      const authority = await this.#parts.authority();
      const keys = await readScopeKeys(this.#parts.dcs);
      const wrong = this.#notHere(authority, keys) ??
        removedHost(request, keys) ??
        await this.#requestProblem(request);
      if (wrong !== null) return wrong;
      return await this.#certify(request, keys, NOTHING);
    } catch (error) {
      return storeAway(error);
    }
  }

  async #admit(request: HostRequest): Promise<DeskAnswer> {
    const { dcs, certificates } = this.#parts;
    const asked = await certificates.readRequest(request.request);
    const authority = await this.#parts.authority();
    const keys = await readScopeKeys(dcs);
    const wrong = this.#notHere(authority, keys) ??
      this.#removal(request, keys) ??
      this.#clockProblem(request) ??
      await this.#requestProblem(request);
    if (wrong !== null || asked === null) {
      return wrong ?? refusal(409, "the signing request cannot be read");
    }
    const shown: ShownToken = {
      ...{ id: request.token.id, use: request.use, name: request.name },
      hash: this.#parts.hash(request.token.secret),
      keyHash: asked.keyHash,
    };
    // Who has no good token learns nothing more than that.
    const early = judgeToken(keys.book, shown, this.#parts.wallTimeMs());
    if (early.kind === "refused") return tokenRefusal(early.reason);
    // Who was taken out has kept its key, and may have kept its token.
    if (early.kind === "repeated" && isRemoved(request, keys)) {
      return tokenRefusal("used");
    }
    const unfit = othersHost(request, keys) ??
      await this.#fitProblem(request, keys);
    if (unfit !== null) return unfit;
    const verdict = await updateBook<TokenVerdict>(dcs, (book) => {
      const judged = judgeToken(book, shown, this.#parts.wallTimeMs());
      const value = judged.kind === "accepted" ? judged.book : null;
      return { value, answer: judged };
    });
    if (verdict.kind === "refused") return tokenRefusal(verdict.reason);
    // Who renews has the common part already, and a token does not give it again.
    const isNew = request.use === "join";
    const told = isNew ? await this.#told(request) : NOTHING;
    if (isNew) await this.#forgetRemoval(request.name);
    return await this.#certify(request, keys, told);
  }

  /** The passwords of PostgreSQL are not for a host without one. */
  async #told(request: HostRequest): Promise<Told> {
    return isWitness(request)
      ? { blueprint: null, witness: this.#parts.commonPart() }
      : { blueprint: await this.#parts.blueprint(), witness: null };
  }

  /** Of two that have a key, the store says which one counts. */
  #notHere(
    authority: CertifiedKey | null,
    keys: ScopeKeys,
  ): Refusal | null {
    const holder = keys.authority?.holder ?? null;
    const { self } = this.#parts;
    const isOurs = holder === null || holder === self;
    if (authority !== null && isOurs) return null;
    if (isOurs) return refusal(421, `${self} has no key of the authority`);
    return refusal(
      421,
      keys.members.includes(holder)
        ? `the authority's key is on ${holder}: ask that member`
        : `the authority's key is on ${holder}, which is down: start it; if it ` +
          `is lost for good, run matriarch certs rotate on ${self}, then make ` +
          "a new token there",
    );
  }

  /** Who was removed may join again, by a new token. */
  #removal(request: HostRequest, keys: ScopeKeys): Refusal | null {
    return request.use === "join" ? null : removedHost(request, keys);
  }

  async #forgetRemoval(name: string): Promise<void> {
    await updateAuthority(this.#parts.dcs, (record) => {
      if (!record?.removed.includes(name)) return { value: null, answer: null };
      const removed = record.removed.filter((each) => each !== name);
      return { value: { ...record, removed }, answer: null };
    });
  }

  /** Certificates count by the clock: hosts must agree on the time. */
  #clockProblem({ nowMs, name }: HostRequest): Refusal | null {
    const aheadMs = nowMs - this.#parts.wallTimeMs();
    if (Math.abs(aheadMs) <= CLOCK_OFF_MS_MAX) return null;
    const seconds = Math.round(Math.abs(aheadMs) / 1000);
    const way = aheadMs > 0 ? "ahead of" : "behind";
    return refusal(
      409,
      `the clock of ${name} is ${seconds} s ${way} that of ` +
        `${this.#parts.self}: set it right, and use the same token again`,
    );
  }

  async #requestProblem(
    { name, hosts, request }: RenewalRequest,
  ): Promise<Refusal | null> {
    const isFit = isPlainName(name) && hosts.length <= HOSTS_MAX &&
      hosts.every((host) => HOST.test(host));
    if (!isFit) return refusal(409, "the name or the addresses cannot be used");
    const asked = await this.#parts.certificates.readRequest(request);
    return asked === null
      ? refusal(409, "the signing request cannot be read")
      : null;
  }

  /** Whether the host can be a member. */
  async #fitProblem(
    request: HostRequest,
    keys: ScopeKeys,
  ): Promise<Refusal | null> {
    const { name, use, postgresMajors } = request;
    if (use === "renew") return null;
    // One that is down has no key of its own for so long, and comes back.
    const isKnown = keys.members.includes(name) ||
      keys.authority?.taken[name] !== undefined;
    if (isKnown) {
      return refusal(
        409,
        `the cluster has a member ${name}: give this host another name by ` +
          `--name, or take that one out by matriarch remove-host ${name}`,
      );
    }
    const blueprint = await this.#parts.blueprint();
    if (blueprint === null) {
      return refusal(503, `${this.#parts.self} has no data yet: try again`);
    }
    if (isWitness(request)) return this.#witnessProblem();
    const { postgresMajor } = blueprint;
    if (postgresMajors.includes(postgresMajor)) return null;
    return refusal(
      409,
      `the host has PostgreSQL ${postgresMajors.join(", ")}, the cluster ` +
        `PostgreSQL ${postgresMajor}: install that one`,
    );
  }

  /** What it would be a witness of is the store. */
  #witnessProblem(): Refusal | null {
    if (isOwnStore(this.#parts.commonPart().store)) return null;
    return refusal(
      409,
      "this cluster's store is not run by its hosts, so a witness has nothing " +
        "to vote in; matriarch proxy alone needs no more than a file",
    );
  }

  async #certify(
    { name, hosts, request }: RenewalRequest,
    keys: ScopeKeys,
    told: Told,
  ): Promise<DeskAnswer> {
    const { certificates, wallTimeMs, certificateMs } = this.#parts;
    const authority = await this.#parts.authority();
    if (authority === null) return refusal(421, "this member cannot sign");
    const validity = { nowMs: wallTimeMs(), lifetimeMs: certificateMs() };
    const cert = await certificates.sign(request, { name, hosts }, {
      authority,
      validity,
    });
    const trusted = keys.authority?.trusted ?? [authority.cert];
    const document = encodeAdmission({ cert, trusted, ...told });
    return { kind: "granted", document };
  }
}

/** It has nothing that could be PostgreSQL. */
function isWitness({ use, postgresMajors }: HostRequest): boolean {
  return use === "join" && postgresMajors.length === 0;
}

function isRemoved(
  { name }: Pick<RenewalRequest, "name">,
  { authority }: ScopeKeys,
): boolean {
  return authority?.removed.includes(name) ?? false;
}

function removedHost(
  request: Pick<RenewalRequest, "name">,
  keys: ScopeKeys,
): Refusal | null {
  const { name } = request;
  return isRemoved(request, keys)
    ? refusal(403, `${name} was removed from this cluster`)
    : null;
}

/** What every host calls itself. */
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/** A certificate for another member's address would let its holder speak for that one. */
function othersHost(
  { name, hosts }: HostRequest,
  keys: ScopeKeys,
): Refusal | null {
  const asked = hosts.map(plainHost);
  const witnesses = Object.entries(keys.authority?.taken ?? {})
    .map(([each, { witness }]) => [each, witness ?? []] as const);
  for (const [member, published] of [...keys.hosts, ...witnesses]) {
    if (member === name) continue;
    const theirs = [member, ...published].map(plainHost);
    const shared = asked.find((host) =>
      theirs.includes(host) && !LOOPBACK.includes(host)
    );
    if (shared !== undefined) {
      return refusal(409, `${shared} is the member ${member}'s`);
    }
  }
  return null;
}

/** Addresses and names have several spellings. */
function plainHost(host: string): string {
  const inUrl = host.includes(":") ? `[${host}]` : host;
  const plain = URL.parse(`http://${inUrl}`)?.hostname ?? host.toLowerCase();
  return plain.replace(/^\[(.*)\]$/, "$1");
}

function tokenRefusal(reason: TokenRefusal): Refusal {
  return refusal(
    403,
    `the token ${WHY[reason]}: matriarch token create makes another one`,
  );
}

function refusal(status: Refusal["status"], text: string): Refusal {
  return { kind: "refused", status, text };
}

/** @throws {unknown} What nobody but a programmer can repair. */
function storeAway(error: unknown): Refusal {
  if (error instanceof BlueprintError) return refusal(409, error.message);
  if (!(error instanceof DcsUnreachableError)) throw error;
  return refusal(503, "the store does not answer now: try again");
}
