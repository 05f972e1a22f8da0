/**
 * The local configuration as the rest of the program sees it: typed, complete,
 * with defaults filled in. Units stand in the names; null means "not set".
 *
 * Keys that may also come from the dynamic document are checked here at start,
 * but used through `effective.ts`.
 */
import type { ConfigMap } from "../core/calc/documents/config_merge.ts";
import type { Tags } from "../core/model/member.ts";
import type { NotifyTarget } from "../core/model/notice.ts";
import type { Vip } from "../core/model/vip.ts";
import type { SectionOf } from "./keys/key.ts";
import type { BootstrapConfig } from "./sections/bootstrap.ts";
import type { CertificatesConfig } from "./sections/certificates.ts";
import type { FencingConfig } from "./sections/fencing.ts";
import type { LOG_KEYS } from "./sections/log.ts";
import type { PoolerConfig } from "./sections/pooler.ts";
import type { PostgresqlConfig } from "./sections/postgresql.ts";
import type { ProxyConfig } from "./sections/proxy.ts";
import type { CTL_KEYS, RESTAPI_KEYS } from "./sections/restapi.ts";
import type { WatchdogConfig } from "./sections/watchdog.ts";
import type { StoreConfig } from "./stores/all.ts";

/** The whole local configuration of one member. */
export interface LocalConfig {
  readonly scope: string;
  /** Without slashes at its ends; keys stand below `/<namespace>/<scope>/`. */
  readonly namespace: string;
  readonly name: string;
  readonly log: LogConfig;
  readonly restapi: RestApiConfig;
  readonly ctl: CtlConfig;
  readonly dcs: StoreConfig;
  /** Null: this member never initializes a cluster. */
  readonly bootstrap: BootstrapConfig | null;
  readonly postgresql: PostgresqlConfig;
  readonly watchdog: WatchdogConfig;
  /** The program that ends a lost leader's host. */
  readonly fencing: FencingConfig;
  /** Poolers that are held during a switchover. */
  readonly pooler: PoolerConfig;
  /** Virtual addresses that move with the roles; empty: none. */
  readonly vip: readonly Vip[];
  /** Who is told what happens; empty: nobody. */
  readonly notify: readonly NotifyTarget[];
  readonly tags: Tags;
  /** The cluster's own certificates. */
  readonly certificates: CertificatesConfig;
  /** Null: no proxy runs beside this member. */
  readonly proxy: ProxyConfig | null;
  /** There is a cluster page. */
  readonly isUiOn: boolean;
  /** Addresses of stand-alone proxies that the page shows; empty: none. */
  readonly uiProxies: readonly string[];
  /** The merged document as read, with secrets: `redact()` it before showing. */
  readonly document: ConfigMap;
}

/** Section `log`. */
export type LogConfig = SectionOf<typeof LOG_KEYS>;

type RestApiKeys = SectionOf<typeof RESTAPI_KEYS>;

/** Section `restapi`. */
export interface RestApiConfig extends RestApiKeys {
  readonly connectAddress: NonNullable<RestApiKeys["connectAddress"]>;
}

/** Section `ctl`, with what it takes over from `restapi`. */
export type CtlConfig = SectionOf<typeof CTL_KEYS>;

/** The certificates of that section. */
export type CtlFiles = Pick<
  CtlConfig,
  "cacert" | "certfile" | "keyfile" | "keyfilePassword"
>;

/** User name and password of HTTP basic authentication. */
export type Credentials = NonNullable<CtlConfig["authentication"]>;
