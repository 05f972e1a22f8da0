/**
 * What hosts ask of a member before they are members: certificates, for a token
 * or for the certificate that they have.
 */

/** A host that wants to join, or whose certificate has expired. */
export interface HostRequest {
  readonly token: { readonly id: string; readonly secret: string };
  readonly use: "join" | "renew";
  readonly name: string;
  /** Addresses and names for its certificate. */
  readonly hosts: readonly string[];
  /** Signing request, PEM. */
  readonly request: string;
  /** Its wall clock, milliseconds since the epoch. */
  readonly nowMs: number;
  /** Major versions of PostgreSQL that it has; empty: it is a witness. */
  readonly postgresMajors: readonly number[];
}

/** A host with a certificate that counts. */
export interface RenewalRequest {
  /** The name in the certificate that it shows. */
  readonly name: string;
  readonly hosts: readonly string[];
  readonly request: string;
}

/** The answer. */
export type DeskAnswer =
  | {
    readonly kind: "granted";
    readonly document: Readonly<Record<string, unknown>>;
  }
  /** `status`: an HTTP status; `text`: a sentence for the operator. */
  | {
    readonly kind: "refused";
    readonly status: 403 | 409 | 421 | 429 | 503;
    readonly text: string;
  };

/** The desk of a member. */
export interface HostDesk {
  /** @param address Whoever asks, as the socket says it. */
  admit(request: HostRequest, address: string): Promise<DeskAnswer>;
  renew(request: RenewalRequest): Promise<DeskAnswer>;
}
