/** What the settings of the proxy's statistics cannot mean together. */
import type { ConfigProblem } from "./problems.ts";
import type { ProxyConfig } from "./sections/proxy.ts";

type StatsKeys = Pick<
  ProxyConfig,
  "statsUsername" | "statsPassword" | "statsCertfile" | "statsKeyfile"
>;

/** A half of a login protects nothing, and a key without certificate is none. */
export function statsProblems(
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
