/**
 * What a member has to do for its certificates, from what it has and what the
 * store says. Pure; certificate_keeper.ts does it.
 *
 * A rotation of the authority has two phases. First all members trust the next
 * one beside the one that signs; when each has said so, `certs rotate --finish`
 * lets the next one sign. Each member then gets itself a new certificate, and when
 * all have theirs, the old authority is forgotten.
 */
import type { AuthorityRecord, TakenState } from "./authority_record.ts";

/** What a member has. */
export interface OwnCertificates {
  readonly self: string;
  /** SHA-256 of the file of trusted authorities, hexadecimal. */
  readonly trustHash: string;
  /** Its certificate; null: there is none that can be read. */
  readonly certificate: {
    /** Of the authority that signed it; null: none that is known. */
    readonly issuerHash: string | null;
    readonly isRenewalDue: boolean;
    readonly untilMs: number;
  } | null;
  /** Of a witness: what it is reached by; null: it is a member. */
  readonly witness: readonly string[] | null;
}

/** What is to be done. */
export interface Care {
  /** Write the trusted authorities as the store has them. */
  readonly isTrustStale: boolean;
  /** Get another certificate. */
  readonly isRenewalWanted: boolean;
  /** What this member tells the others; null: they know. */
  readonly told: TakenState | null;
  /** Only the signing authority is left to be trusted. */
  readonly isOldForgotten: boolean;
}

/**
 * Decides.
 *
 * @param recordTrustHash SHA-256 of all that the record trusts, hexadecimal.
 */
export function careFor(
  own: OwnCertificates,
  record: AuthorityRecord,
  recordTrustHash: string,
): Care {
  const { self, trustHash, certificate, witness } = own;
  const isTrustStale = trustHash !== recordTrustHash;
  const issuer = certificate?.issuerHash ?? "";
  const isOther = issuer !== record.hash;
  const untilMs = certificate?.untilMs ?? 0;
  const state: TakenState = {
    ...{ trust: recordTrustHash, issuer, untilMs, witness },
  };
  const known = record.taken[self];
  const isKnown = known?.trust === state.trust && known.issuer === issuer &&
    known.untilMs === untilMs && isSameList(known.witness, witness);
  return {
    isTrustStale,
    // As long as the others do not trust it, a new authority does not sign.
    isRenewalWanted: certificate === null || certificate.isRenewalDue ||
      isOther,
    told: isTrustStale || isKnown ? null : state,
    isOldForgotten: record.holder === self && record.next === null &&
      record.trusted.length > 1 && haveAllRenewed(record),
  };
}

function isSameList(
  one: readonly string[] | null,
  other: readonly string[] | null,
): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Whether each member that was ever heard of trusts all that is trusted now. */
export function untrusting(
  record: AuthorityRecord,
  recordTrustHash: string,
  members: readonly string[],
): readonly string[] {
  return [...new Set([...members, ...Object.keys(record.taken)])]
    .filter((name) => record.taken[name]?.trust !== recordTrustHash)
    .toSorted();
}

function haveAllRenewed({ taken, hash }: AuthorityRecord): boolean {
  return Object.values(taken).every(({ issuer }) => issuer === hash);
}

/** The next authority is trusted, too; the one that signs stays the last. */
export function withNext(
  record: AuthorityRecord,
  next: {
    readonly holder: string;
    readonly hash: string;
    readonly cert: string;
  },
): AuthorityRecord {
  const { holder, hash, cert } = next;
  const at = record.trusted.length - 1;
  return {
    ...record,
    trusted: record.trusted.toSpliced(Math.max(0, at), 0, cert),
    next: { holder, hash },
  };
}

/** The next authority signs from now on; null: there is none. */
export function withNextSigning(
  record: AuthorityRecord,
  nextCert: string,
): AuthorityRecord | null {
  const { next, trusted } = record;
  if (next === null) return null;
  return {
    ...record,
    ...next,
    next: null,
    trusted: [...trusted.filter((cert) => cert !== nextCert), nextCert],
  };
}

/** Only the one that signs is trusted. */
export function withoutOld(record: AuthorityRecord): AuthorityRecord {
  return { ...record, trusted: record.trusted.slice(-1) };
}

/**
 * The member has gone: nobody waits for it any more, and where it was removed it
 * gets no further certificate. A rotation that it had begun is off.
 */
export function withoutMember(
  record: AuthorityRecord,
  name: string,
  how: "left" | "removed",
): AuthorityRecord {
  const taken = Object.fromEntries(
    Object.entries(record.taken).filter(([each]) => each !== name),
  );
  const others = record.removed.filter((each) => each !== name);
  return {
    ...record,
    taken,
    removed: how === "removed" ? [...others, name] : others,
    next: record.next?.holder === name ? null : record.next,
  };
}
