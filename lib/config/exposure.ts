/** What a configuration leaves open to everybody who reaches the host. */
import { BlockList, isIP } from "node:net";
import type { RestApiConfig } from "./local_config.ts";
import type { ConfigWarning } from "./problems.ts";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** A warning if anybody may reconfigure and restart the cluster over the network. */
export function exposureWarnings(restapi: RestApiConfig): ConfigWarning[] {
  const { allowlist, authentication, isMembersAllowed, listen } = restapi;
  const isLimited = authentication !== null || allowlist !== null ||
    isMembersAllowed || restapi.verifyClient !== "none";
  if (isLimited || listen.hosts.every(isLoopback)) return [];
  return [{
    path: "restapi.authentication",
    text: "The REST API takes unsafe requests (configuration, switchover, " +
      "restart, reinitialize) from everybody who reaches port " +
      `${listen.port}: set restapi.authentication, restapi.allowlist or ` +
      "restapi.verify_client",
  }];
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === "localhost";
  return LOOPBACK.check(host, family === 4 ? "ipv4" : "ipv6");
}
