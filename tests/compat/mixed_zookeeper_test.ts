/**
 * A member of each kind in one scope on ZooKeeper: the story of both, first
 * asynchronous, then by quorum.
 */
import { unprivileged } from "../helpers/unprivileged.ts";
import { ZookeeperServer } from "../helpers/zookeeper.ts";
import { zookeeperSkipReason } from "../helpers/zookeeper_program.ts";
import { mixedCluster } from "./mixed.ts";
import { playPair } from "./mixed_pair.ts";
import { exists, patroniSkipReason, PYTHON_PATH } from "./programs.ts";

function skipReason(): string | null {
  const reason = patroniSkipReason() ?? zookeeperSkipReason();
  if (reason !== null || exists(`${PYTHON_PATH}/kazoo`)) return reason;
  const missing = `${PYTHON_PATH}/kazoo is missing`;
  if (Deno.env.get("CI") === "true") throw new Error(missing);
  return `${missing}; deno task test:compat gets it`;
}

const SKIP = skipReason();

unprivileged(import.meta.url, () => {
  const name = "a member of each kind on ZooKeeper" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    const kinds = ["matriarch", "patroni"] as const;
    await using server = await ZookeeperServer.start();
    const hosts = [`127.0.0.1:${server.port}`];
    const store = { zookeeper: { hosts } };
    await using cluster = await mixedCluster(kinds, {}, { store });
    await playPair(t, cluster);
  });
});
