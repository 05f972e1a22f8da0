/**
 * Keeps the certificates of a member: takes over whom the store says to trust,
 * gets another certificate before its own expires, and tells the others what it
 * has. A reload puts them in force; nothing is restarted.
 */
import type { CertificateFacts, Certificates } from "../ports/certificates.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { DeskAnswer, RenewalRequest } from "../ports/host_desk.ts";
import type { Log } from "../ports/log.ts";
import type { SetupFiles } from "../ports/setup.ts";
import { decodeAdmission } from "./admission_codec.ts";
import {
  AUTHORITY_KEY,
  type AuthorityRecord,
  firstRecord,
} from "./authority_record.ts";
import { type Care, careFor, withoutOld } from "./care.ts";
import { certificateFile, certificatePathsIn } from "./layout.ts";
import { isRenewalDue, isRenewalOverdue } from "./lifetimes.ts";
import { readKnownScopeKeys, updateAuthority } from "./store_keys.ts";

/** What the keeper works with. */
export interface KeeperParts {
  readonly self: string;
  readonly role: "member" | "witness";
  /** Folder of the certificates. */
  readonly dir: string;
  readonly dcs: Dcs;
  readonly clock: Clock;
  readonly certificates: Certificates;
  readonly files: SetupFiles;
  readonly log: Log;
  readonly hash: (text: string) => string;
  /** Asks the member of that name; itself, too. Never throws. */
  readonly ask: (
    holder: string,
    request: RenewalRequest,
  ) => Promise<DeskAnswer>;
  /** The files have changed. */
  readonly onChange: () => void;
  /** A certificate that ends then should have been replaced and was not; once for each. */
  readonly onOverdue: (untilMs: number) => void;
}

/** A look costs a read that most stores answer from memory. */
const PAUSE_MS = 30_000;

/** The certificates that a member has. */
interface Own {
  readonly trust: string;
  readonly cert: string;
  readonly facts: CertificateFacts | null;
}

/** Keeps them until it is told to end. */
export class CertificateKeeper {
  readonly #parts: KeeperParts;
  #told = "";
  /** End of the certificate that was said to be overdue; null: none was. */
  #overdueMs: number | null = null;
  /** Ends when somebody has changed the record. */
  #pause = new AbortController();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    this.#parts.dcs.watch({
      onChange: ({ key }) => {
        if (key === AUTHORITY_KEY) this.#pause.abort();
      },
      onReset: () => {},
    }, signal);
    while (!signal.aborted) {
      this.#pause = new AbortController();
      try {
        // What was changed is told to the others at once.
        if (await this.look() === "changed") await this.look();
      } catch (error) {
        this.#tell(error instanceof Error ? error.message : String(error));
      }
      const isOver = AbortSignal.any([signal, this.#pause.signal]);
      await this.#parts.clock.sleep(PAUSE_MS, isOver);
    }
  }

  /** One look, and what follows from it. @throws {Error} If a part cannot be reached. */
  async look(): Promise<"changed" | "same"> {
    const { dcs, files, dir, hash } = this.#parts;
    const paths = certificatePathsIn(dir);
    const record = (await readKnownScopeKeys(dcs)).authority ??
      await this.#firstRecord();
    if (record === null) return "same";
    const own = await this.#own(paths);
    const recordTrust = record.trusted.join("");
    const care = careFor(
      {
        self: this.#parts.self,
        trustHash: hash(own.trust),
        certificate: await this.#certificateFor(own, record),
        witness: this.#parts.role === "witness" ? own.facts?.hosts ?? [] : null,
      },
      record,
      hash(recordTrust),
    );
    if (care.isTrustStale) {
      await files.write({
        ...{ path: paths.trust, mode: 0o644, owner: null, text: recordTrust },
      });
      this.#parts.log.info("Trusts the authorities that the store names");
      this.#parts.onChange();
    }
    await this.#tellOthers(care);
    const isRenewed = care.isRenewalWanted && await this.#renew(own, record);
    if (!isRenewed) this.#checkTime(own);
    return care.isTrustStale || isRenewed ? "changed" : "same";
  }

  async #own(
    paths: ReturnType<typeof certificatePathsIn>,
  ): Promise<Own> {
    const { files, certificates } = this.#parts;
    const cert = await files.read(paths.cert) ?? "";
    const trust = await files.read(paths.trust) ?? "";
    return { trust, cert, facts: await certificates.read(cert) };
  }

  async #certificateFor(
    { cert, facts }: Own,
    record: AuthorityRecord,
  ): Promise<Parameters<typeof careFor>[0]["certificate"]> {
    if (facts === null) return null;
    const { certificates, clock } = this.#parts;
    let issuerHash: string | null = null;
    for (const authority of record.trusted) {
      if (!await certificates.isSignedBy(cert, authority)) continue;
      issuerHash = (await certificates.read(authority))?.hash ?? null;
    }
    const nowMs = clock.wallTimeMs();
    return {
      ...{ issuerHash, isRenewalDue: isRenewalDue(facts, nowMs) },
      untilMs: facts.notAfterMs,
    };
  }

  async #tellOthers({ told, isOldForgotten }: Care): Promise<void> {
    if (told === null && !isOldForgotten) return;
    const { dcs, self } = this.#parts;
    await updateAuthority(dcs, (record) => {
      if (record === null) return { value: null, answer: null };
      const taken = told === null
        ? record.taken
        : { ...record.taken, [self]: told };
      const next = { ...record, taken };
      const value = isOldForgotten ? withoutOld(next) : next;
      return { value, answer: null };
    });
  }

  /** Whether there is another certificate now. */
  async #renew(own: Own, record: AuthorityRecord): Promise<boolean> {
    const { certificates, files, dir, log, self } = this.#parts;
    const hosts = own.facts?.hosts ?? [];
    const { request, key } = await certificates.makeRequest({
      ...{ name: self, hosts },
    });
    const answer = await this.#parts.ask(record.holder, {
      ...{ name: self, hosts, request },
    });
    if (answer.kind === "refused") {
      this.#tell(`${record.holder} gives no certificate: ${answer.text}`);
      return false;
    }
    const given = decodeAdmission(answer.document);
    if (given === null || await certificates.read(given.cert) === null) {
      this.#tell(`${record.holder} gave no certificate that can be read`);
      return false;
    }
    const authority = record.trusted.at(-1) ?? "";
    const text = certificateFile({ cert: given.cert, key, authority });
    const { cert: path } = certificatePathsIn(dir);
    await files.write({ path, mode: 0o600, owner: null, text });
    log.info(`Has a new certificate, signed by ${record.holder}`);
    this.#told = "";
    this.#parts.onChange();
    return true;
  }

  #checkTime({ facts }: Own): void {
    const { clock, onOverdue } = this.#parts;
    if (facts === null || facts.notAfterMs === this.#overdueMs) return;
    if (!isRenewalOverdue(facts, clock.wallTimeMs())) return;
    this.#overdueMs = facts.notAfterMs;
    onOverdue(facts.notAfterMs);
  }

  /** A store that was begun anew, or that came up after `init`, learns of the authority. */
  async #firstRecord(): Promise<AuthorityRecord | null> {
    const { dcs, files, certificates, dir, self } = this.#parts;
    const paths = certificatePathsIn(dir);
    const cert = await files.read(paths.authority);
    const key = await files.read(paths.authorityKey);
    if (cert === null || key === null) return null;
    const hash = (await certificates.read(cert))?.hash ?? "";
    const first = firstRecord({ holder: self, hash, cert });
    return await updateAuthority(dcs, (record) => ({
      value: record === null ? first : null,
      answer: record ?? first,
    }));
  }

  /** The same problem once, not with each look. */
  #tell(text: string): void {
    if (this.#told === text) return;
    this.#told = text;
    this.#parts.log.warning(`Cannot take care of the certificates: ${text}`);
  }
}
