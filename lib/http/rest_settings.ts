/**
 * What the REST API takes from the local configuration and may change at a
 * reload without a new listener.
 */
import type { Allowlist } from "./allowlist.ts";

/** User name and password of HTTP basic authentication. */
export interface RestCredentials {
  readonly username: string;
  readonly password: string;
}

/** Settings that are read anew for every request. */
export interface RestSettings {
  /** Null: unsafe requests need no password. */
  readonly credentials: RestCredentials | null;
  /** Null: `restapi.allowlist` is empty. */
  readonly allowlist: Allowlist | null;
  /** `restapi.allowlist_include_members`. */
  readonly isMembersAllowed: boolean;
  /** `verify_client` is `optional` or `required`. */
  readonly isClientCertificateWanted: boolean;
  /** Host names of `restapi.connect_address` and `listen`; addresses need no mention. */
  readonly ownNames: readonly string[];
  /** `ui`: there is a cluster page. */
  readonly isUiOn: boolean;
  readonly serverTokens: "original" | "minimal" | "productonly";
  /** `http_extra_headers`, and `https_extra_headers` over them where TLS is on. */
  readonly extraHeaders: Readonly<Record<string, string>>;
}

/** Settings of a `restapi` section that sets nothing. */
export const DEFAULT_REST_SETTINGS: RestSettings = {
  credentials: null,
  allowlist: null,
  isMembersAllowed: false,
  isClientCertificateWanted: false,
  ownNames: [],
  isUiOn: true,
  serverTokens: "original",
  extraHeaders: {},
};
