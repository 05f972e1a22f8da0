/**
 * A member of each kind in one scope on Consul: the story of both, first
 * asynchronous, then by quorum; our long lock delay and Patroni's short one live
 * beside each other.
 */
import { consulSkipReason } from "../helpers/consul_program.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { mixedCluster } from "./mixed.ts";
import { playPair } from "./mixed_pair.ts";
import { exists, patroniSkipReason, PYTHON_PATH } from "./programs.ts";

function skipReason(): string | null {
  const reason = patroniSkipReason() ?? consulSkipReason();
  if (reason !== null || exists(`${PYTHON_PATH}/consul`)) return reason;
  const missing = `${PYTHON_PATH}/consul is missing`;
  if (Deno.env.get("CI") === "true") throw new Error(missing);
  return `${missing}; deno task test:compat gets it`;
}

const SKIP = skipReason();

unprivileged(import.meta.url, () => {
  const name = "a member of each kind on Consul" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    const kinds = ["matriarch", "patroni"] as const;
    await using cluster = await mixedCluster(kinds, {}, { dcs: "consul" });
    await playPair(t, cluster);
  });
});
