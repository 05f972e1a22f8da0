/** What settings of the proxy cannot mean together. */
import type { ConfigProblem } from "./problems.ts";
import type { ProxyConfig } from "./sections/proxy.ts";

type StatsKeys = Pick<
  ProxyConfig,
  "statsUsername" | "statsPassword" | "statsCertfile" | "statsKeyfile"
>;

/** What is wrong with the section as a whole. */
export function proxyProblems(
  proxy: StatsKeys & Pick<ProxyConfig, "isSealed" | "routeTo" | "sendProxy">,
): readonly ConfigProblem[] {
  const isBypassed = proxy.isSealed && proxy.routeTo === "proxy_url";
  const isUnheard = proxy.isSealed && proxy.sendProxy !== "off";
  return [
    ...statsProblems(proxy),
    ...(isUnheard
      ? [{
        path: "proxy.send_proxy",
        value: proxy.sendProxy,
        wanted: "off, because a sealed PostgreSQL is connected directly, and " +
          "does not understand the PROXY protocol",
      }]
      : []),
    ...(isBypassed
      ? [{
        path: "proxy.route_to",
        value: proxy.routeTo,
        wanted: "conn_url, because a sealed PostgreSQL takes no pooler's " +
          "connections: put the pooler in front of the proxy",
      }]
      : []),
  ];
}

/** A half of a login protects nothing, and a key without certificate is none. */
function statsProblems(
  { statsUsername, statsPassword, statsCertfile, statsKeyfile }: StatsKeys,
): readonly ConfigProblem[] {
  const hasUser = statsUsername !== null;
  const isHalf = hasUser !== (statsPassword !== null);
  const isLost = statsKeyfile !== null && statsCertfile === null;
  return [
    ...(isHalf
      ? [{
        path: `proxy.${hasUser ? "stats_password" : "stats_username"}`,
        value: undefined,
        wanted: "user and password of the statistics, or neither",
      }]
      : []),
    ...(isLost
      ? [{
        path: "proxy.stats_certfile",
        value: undefined,
        wanted: "the certificate that stats_keyfile belongs to",
      }]
      : []),
  ];
}
