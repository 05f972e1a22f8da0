/** How an agent marks the proxies that it starts, so that one of another version or configuration is replaced. */
import { createHash } from "node:crypto";
import type { LocalConfig } from "../config/local_config.ts";
import { MATRIARCH_VERSION } from "./versions.ts";

/** The variable that tells a proxy its edition. */
export const EDITION_VARIABLE = "MATRIARCH_PROXY_EDITION";

/** Equal for equal versions and configurations, as far as a proxy reads them. */
export function proxyEdition(config: LocalConfig): string {
  const { scope, namespace, name, log, dcs, postgresql, isUiOn, ctl } = config;
  const { cacert, certfile, keyfile, keyfilePassword } = ctl;
  const { drainTimeoutMs: _, ...proxy } = {
    drainTimeoutMs: 0,
    ...config.proxy,
  };
  // A sealed member's proxy connects to where PostgreSQL listens.
  const { dataDir, listen } = postgresql;
  const read = {
    ...{ scope, namespace, name, log, dcs, proxy, dataDir, listen },
    ...{ isUiOn, cacert, certfile, keyfile, keyfilePassword },
  };
  const digest = createHash("sha256").update(JSON.stringify(read))
    .digest("hex").slice(0, 12);
  return `${MATRIARCH_VERSION}-${digest}`;
}
