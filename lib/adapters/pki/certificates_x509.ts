/**
 * Certificates by `@peculiar/x509` on WebCrypto: ECDSA on P-256 throughout, which
 * OpenSSL, Go (etcd) and PostgreSQL's libraries all read.
 *
 * Source: RFC 5280; RFC 2986; ADR 19.
 */
// The package's container of algorithms wants it, before all else.
import "reflect-metadata";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import type {
  CertificateFacts,
  Certificates,
  CertifiedKey,
  CertifiedName,
  SigningRequest,
  Validity,
} from "../../ports/certificates.ts";

const ALGORITHM = {
  name: "ECDSA",
  namedCurve: "P-256",
  hash: "SHA-256",
} as const;

/** A host whose clock is behind by less takes a new certificate at once. */
const BACKDATED_MS = 3_600_000;
/** The authority signs members, and no further authorities. */
const PATH_LENGTH = 0;
/** X.520 allows 64 characters. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** {@link Certificates} on WebCrypto. */
export class CertificatesX509 implements Certificates {
  async makeAuthority(name: string, validity: Validity): Promise<CertifiedKey> {
    const keys = await newKeys();
    const cert = await x509.X509CertificateGenerator.createSelfSigned({
      name: subjectOf(name),
      keys,
      signingAlgorithm: ALGORITHM,
      ...datesOf(validity),
      extensions: [
        new x509.BasicConstraintsExtension(true, PATH_LENGTH, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return { cert: textOf(cert), key: await keyText(keys.privateKey) };
  }

  async makeRequest(
    { name, hosts }: CertifiedName,
  ): Promise<{ readonly request: string; readonly key: string }> {
    const keys = await newKeys();
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: subjectOf(name),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [namesExtension(hosts)],
    });
    return { request: textOf(request), key: await keyText(keys.privateKey) };
  }

  async readRequest(request: string): Promise<SigningRequest | null> {
    try {
      const asked = new x509.Pkcs10CertificateRequest(request);
      if (!await asked.verify()) return null;
      return {
        name: commonName(asked.subjectName),
        hosts: hostsOf(asked),
        keyHash: hexOf(await sha256(asked.publicKey.rawData)),
      };
    } catch {
      // Not PEM, not ASN.1, or of an algorithm that WebCrypto does not have.
      return null;
    }
  }

  async sign(
    request: string,
    { name, hosts }: CertifiedName,
    { authority, validity }: {
      readonly authority: CertifiedKey;
      readonly validity: Validity;
    },
  ): Promise<string> {
    const asked = new x509.Pkcs10CertificateRequest(request);
    const issuer = new x509.X509Certificate(authority.cert);
    const signingKey = await readKey(authority.key);
    const publicKey = await asked.publicKey.export();
    const cert = await x509.X509CertificateGenerator.create({
      subject: subjectOf(name),
      issuer: issuer.subject,
      publicKey,
      signingKey,
      signingAlgorithm: ALGORITHM,
      ...datesOf(validity),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.digitalSignature,
          true,
        ),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        namesExtension(hosts),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(
          await issuer.publicKey.export(),
        ),
      ],
    });
    return textOf(cert);
  }

  async read(cert: string): Promise<CertificateFacts | null> {
    try {
      const read = new x509.X509Certificate(cert);
      return {
        name: commonName(read.subjectName),
        hosts: hostsOf(read),
        notBeforeMs: read.notBefore.getTime(),
        notAfterMs: read.notAfter.getTime(),
        hash: hexOf(await sha256(read.rawData)),
      };
    } catch {
      return null;
    }
  }

  async isSignedBy(cert: string, authority: string): Promise<boolean> {
    try {
      const issuer = new x509.X509Certificate(authority);
      const read = new x509.X509Certificate(cert);
      if (read.issuer !== issuer.subject) return false;
      const publicKey = await issuer.publicKey.export();
      return await read.verify({ publicKey, signatureOnly: true });
    } catch {
      return false;
    }
  }
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/**
 * The package reads syntax in names (quotes, commas), so only plain ones get there.
 *
 * @throws {Error} For any other.
 */
function subjectOf(name: string): x509.JsonName {
  if (PLAIN_NAME.test(name)) return [{ CN: [name] }];
  throw new Error(`No certificate can be made out to the name "${name}"`);
}

function commonName(name: x509.Name): string {
  return name.getField("CN")[0] ?? "";
}

function datesOf(
  { nowMs, lifetimeMs }: Validity,
): { readonly notBefore: Date; readonly notAfter: Date } {
  return {
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + lifetimeMs),
  };
}

function namesExtension(
  hosts: readonly string[],
): x509.SubjectAlternativeNameExtension {
  return new x509.SubjectAlternativeNameExtension(
    hosts.map((host) => ({
      type: isIP(host) === 0 ? "dns" as const : "ip" as const,
      value: host,
    })),
  );
}

function hostsOf(
  part: x509.X509Certificate | x509.Pkcs10CertificateRequest,
): readonly string[] {
  const names = part.extensions.find((each) =>
    each instanceof x509.SubjectAlternativeNameExtension
  );
  return (names?.names.items ?? [])
    .filter(({ type }) => type === "dns" || type === "ip")
    .map(({ value }) => value);
}

function textOf(part: { toString(format: "pem"): string }): string {
  return `${part.toString("pem").trimEnd()}\n`;
}

async function keyText(key: CryptoKey): Promise<string> {
  const raw = await crypto.subtle.exportKey("pkcs8", key);
  return `${x509.PemConverter.encode(raw, "PRIVATE KEY").trimEnd()}\n`;
}

async function readKey(pem: string): Promise<CryptoKey> {
  const raw = x509.PemConverter.decodeFirst(pem);
  return await crypto.subtle.importKey("pkcs8", raw, ALGORITHM, false, [
    "sign",
  ]);
}

async function sha256(bytes: ArrayBuffer): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function hexOf(bytes: Uint8Array): string {
  return bytes.toHex();
}
