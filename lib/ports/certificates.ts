/**
 * Certificates of one cluster's own authority: made, asked for, signed and read.
 * All texts are PEM; moments are wall-clock milliseconds since the epoch.
 */

/** A certificate or an authority, with the key that belongs to it. */
export interface CertifiedKey {
  readonly cert: string;
  /** PKCS#8, not encrypted. */
  readonly key: string;
}

/** Until when a certificate is to count. */
export interface Validity {
  readonly nowMs: number;
  /** From `nowMs` on; the beginning lies an hour before it, for clocks that are behind. */
  readonly lifetimeMs: number;
}

/** Whose certificate it is. */
export interface CertifiedName {
  /** The member's name; the subject's CN. */
  readonly name: string;
  /** IP addresses and host names by which others reach it. */
  readonly hosts: readonly string[];
}

/** A signing request that its sender has proven to hold the key of. */
export interface SigningRequest extends CertifiedName {
  /** SHA-256 of its public key, hexadecimal: who asks twice with one key is the same. */
  readonly keyHash: string;
}

/** What a certificate says. */
export interface CertificateFacts extends CertifiedName {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly hash: string;
}

/** The maker and reader of certificates. */
export interface Certificates {
  /** A new authority that signs itself. */
  makeAuthority(name: string, validity: Validity): Promise<CertifiedKey>;
  /** A new key, and the request that asks for its certificate. */
  makeRequest(
    asked: CertifiedName,
  ): Promise<{ readonly request: string; readonly key: string }>;
  /** Null: it is no request, or not signed by its own key. */
  readRequest(request: string): Promise<SigningRequest | null>;
  /**
   * A certificate for server and client for the key of a request. Name and hosts
   * are those given, whatever the request says.
   *
   * @throws {Error} If the request or the authority cannot be read.
   */
  sign(
    request: string,
    named: CertifiedName,
    options: { readonly authority: CertifiedKey; readonly validity: Validity },
  ): Promise<string>;
  /** The first certificate of a text; null: there is none. */
  read(cert: string): Promise<CertificateFacts | null>;
  /** Whether the authority signed it; says nothing of its time. */
  isSignedBy(cert: string, authority: string): Promise<boolean>;
}
