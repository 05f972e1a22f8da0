import { DcsZookeeper } from "../../lib/adapters/zookeeper/dcs_zookeeper.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { ZookeeperEnsemble } from "../helpers/zookeeper_ensemble.ts";
import { zookeeperSkipReason } from "../helpers/zookeeper_program.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { dcsSuite } from "./dcs_suite.ts";
import { zookeeperOptions } from "./dcs_zookeeper_access.ts";

/** Each client begins at any of three servers, which do not know everything at once. */
async function open(): Promise<DcsFixture> {
  const ensemble = await ZookeeperEnsemble.start();
  const { servers } = ensemble;
  const links = servers.map(({ port }) => new SeverableLink(port));
  const hosts = links.map(({ port }) => ({ host: "127.0.0.1", port }));
  return {
    connect: (scopePath) =>
      new DcsZookeeper(zookeeperOptions({
        ...{ ensemble: { kind: "listed", hosts }, scopePath },
      })),
    freeze: () => Promise.resolve(servers.forEach((one) => one.freeze())),
    thaw: async () => {
      for (const server of servers) server.thaw();
      await ensemble.untilWhole();
    },
    cutConnections: () => Promise.resolve(links.forEach((link) => link.cut())),
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: async () => {
      for (const link of links) await link[Symbol.asyncDispose]();
      await ensemble[Symbol.asyncDispose]();
    },
  };
}

dcsSuite("ZooKeeper (three servers)", {
  open,
  skipReason: zookeeperSkipReason(),
});
