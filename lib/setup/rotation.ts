/**
 * Another authority for a cluster, in two phases; care.ts says what members do in
 * each. Both calls can be cut short and repeated.
 */
import type { Certificates } from "../ports/certificates.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { SetupHost } from "../ports/setup.ts";
import type { AuthorityRecord } from "./authority_record.ts";
import { untrusting, withNext, withNextSigning } from "./care.ts";
import { certificatePathsIn } from "./layout.ts";
import { AUTHORITY_MS } from "./lifetimes.ts";
import { readScopeKeys, updateAuthority } from "./store_keys.ts";

/** What a rotation works with. */
export interface RotationParts {
  readonly dcs: Dcs;
  readonly host: Pick<SetupHost, "files" | "hash" | "wallTimeMs">;
  readonly certificates: Certificates;
  /** Folder of this host's certificates. */
  readonly dir: string;
  readonly scope: string;
  readonly self: string;
}

/** What a call came to: a sentence for the operator. */
export interface RotationOutcome {
  readonly kind: "done" | "refused";
  readonly text: string;
}

const SECRET = 0o600;
const PUBLIC = 0o644;

/** All members are to trust an authority that this host can sign with. */
export async function beginRotation(
  parts: RotationParts,
): Promise<RotationOutcome> {
  const { dcs, host, certificates, dir, self, scope } = parts;
  const paths = certificatePathsIn(dir);
  const { authority: record } = await readScopeKeys(dcs);
  if (record === null) return noAuthority();
  if (record.next !== null && record.next.holder !== self) {
    return refused(
      `${record.next.holder} has begun a rotation: finish it there, or take ` +
        `that member out by matriarch remove-host ${record.next.holder}`,
    );
  }
  const made = await certificates.makeAuthority(scope, {
    nowMs: host.wallTimeMs(),
    lifetimeMs: AUTHORITY_MS,
  });
  // One that was begun before is kept: members may trust it already.
  const begun = await host.files.read(paths.nextAuthority);
  const begunHash = begun === null
    ? null
    : (await certificates.read(begun))?.hash ?? null;
  const isLeftOver = begunHash === null || begunHash === record.hash;
  const cert = isLeftOver || begun === null ? made.cert : begun;
  if (cert === made.cert) {
    await put(parts, paths.nextAuthorityKey, made.key);
    await put(parts, paths.nextAuthority, made.cert);
  }
  const hash = (await certificates.read(cert))?.hash ?? "";
  await updateAuthority(dcs, (before) => ({
    value: before === null || before.trusted.includes(cert)
      ? null
      : withNext(before, { holder: self, hash, cert }),
    answer: null,
  }));
  return done(
    "The members are told to trust a new authority beside the old one. When " +
      "matriarch certs status says that all do: matriarch certs rotate --finish",
  );
}

/** The next authority signs, if all members trust it. */
export async function finishRotation(
  parts: RotationParts,
): Promise<RotationOutcome> {
  const { dcs, host, certificates, dir, self } = parts;
  const paths = certificatePathsIn(dir);
  const { authority: record, members } = await readScopeKeys(dcs);
  if (record === null) return noAuthority();
  if (record.next?.holder !== self) {
    return refused(
      record.next === null
        ? "No rotation has begun: matriarch certs rotate"
        : `The rotation has begun on ${record.next.holder}: finish it there`,
    );
  }
  const waiting = untrusting(record, trustHashOf(record, host), members);
  if (waiting.length > 0) {
    return refused(
      `${waiting.join(", ")} cannot be seen to trust the new authority yet: ` +
        "wait half a minute, start members that are down, or take out those " +
        "that are gone by matriarch remove-host",
    );
  }
  const cert = await nextCert(parts, record);
  if (cert === null) {
    return refused(`${paths.nextAuthority} is missing or another one`);
  }
  const key = await host.files.read(paths.nextAuthorityKey);
  if (key !== null) {
    await put(parts, paths.authorityKey, key);
    await put(parts, paths.authority, cert);
  }
  await updateAuthority(dcs, (before) => ({
    value: before === null ? null : withNextSigning(before, cert),
    answer: null,
  }));
  await host.files.remove(paths.nextAuthority);
  await host.files.remove(paths.nextAuthorityKey);
  const facts = await certificates.read(cert);
  return done(
    `The new authority signs, until ${day(facts?.notAfterMs ?? 0)}. Members ` +
      "get themselves new certificates within a minute; then the old one is " +
      "forgotten",
  );
}

/** SHA-256 of all that the record trusts, as members tell it. */
export function trustHashOf(
  record: AuthorityRecord,
  { hash }: Pick<SetupHost, "hash">,
): string {
  return hash(record.trusted.join(""));
}

/** The certificate that the record has as the next one. */
async function nextCert(
  { host, certificates, dir }: RotationParts,
  { next }: AuthorityRecord,
): Promise<string | null> {
  const cert = await host.files.read(certificatePathsIn(dir).nextAuthority);
  const facts = cert === null ? null : await certificates.read(cert);
  return facts?.hash === next?.hash ? cert : null;
}

async function put(
  { host }: RotationParts,
  path: string,
  text: string,
): Promise<void> {
  const mode = text.includes("PRIVATE KEY") ? SECRET : PUBLIC;
  await host.files.write({ path, mode, owner: null, text });
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function noAuthority(): RotationOutcome {
  return refused("This cluster has no certificates of its own");
}

function refused(text: string): RotationOutcome {
  return { kind: "refused", text };
}

function done(text: string): RotationOutcome {
  return { kind: "done", text };
}
