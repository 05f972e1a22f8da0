/**
 * What makes a store (DCS) known to the configuration. A store that this
 * program can use is one descriptor file here, one folder below
 * `lib/adapters`, and one line in `lib/compose/dcs.ts`.
 */
import type { ConfigMap } from "../../core/calc/documents/config_merge.ts";
import type { KeyMap, ValueType } from "../keys/key.ts";
import type { Check } from "../validate/checks.ts";

/** Parts of the address of a store, `SCHEME://HOST[:PORT][/PATH]`. */
export interface StoreUrl {
  readonly host: string;
  /** Empty: none was given. */
  readonly port: string;
  /** With its leading slash; empty: none. */
  readonly path: string;
}

/** The form of `-d URL`. */
export interface UrlForm {
  /** The port that means this store where no scheme is given; null: none does. */
  readonly port: string | null;
  readonly section: (url: StoreUrl) => ConfigMap;
  /** Whether the path is the namespace. */
  readonly hasNamespace: boolean;
}

/** What is known of every store, whether or not it can be used. */
export interface KnownStore {
  /** Name of its section. */
  readonly name: string;
  readonly keys: KeyMap;
  /** Patroni's validation of the section. */
  readonly check: Check;
  /** Null: it cannot be given as an address. */
  readonly url: UrlForm | null;
}

/** A store that this program can use. */
export interface Store<C extends { readonly kind: string }> extends KnownStore {
  readonly name: C["kind"];
  /** What its section is for, for whoever has none. */
  readonly hint: string;
  readonly section: ValueType<C>;
  /** What whoever uses it is warned of at every start. */
  readonly doubt?: string;
  /** What whoever looks at a cluster in this store should know; null: nothing. */
  caution?(config: C): string | null;
  /** Whether a member has a proxy that does not say so. */
  readonly hasProxy: boolean;
  /** What else the document says of it; absent: nothing. */
  inDocument?(config: C, document: ConfigMap): C;
}

/** An address whose host and port are the key `host`. */
export function hostUrl(port: string, isPortMeant: boolean): UrlForm {
  return {
    port: isPortMeant ? port : null,
    section: (url) => ({ host: `${url.host}:${url.port || port}` }),
    hasNamespace: true,
  };
}
