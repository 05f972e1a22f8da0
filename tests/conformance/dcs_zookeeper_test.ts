import { DcsZookeeper } from "../../lib/adapters/zookeeper/dcs_zookeeper.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { ZookeeperServer } from "../helpers/zookeeper.ts";
import { zookeeperSkipReason } from "../helpers/zookeeper_program.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { dcsSuite } from "./dcs_suite.ts";
import { zookeeperOptions } from "./dcs_zookeeper_access.ts";

/** All connections go through a link that can cut them. */
async function open(): Promise<DcsFixture> {
  const server = await ZookeeperServer.start();
  const link = new SeverableLink(server.port);
  const { port } = link;
  return {
    connect: (scopePath) =>
      new DcsZookeeper(zookeeperOptions({ port, scopePath })),
    freeze: () => Promise.resolve(server.freeze()),
    thaw: () => Promise.resolve(server.thaw()),
    cutConnections: () => Promise.resolve(link.cut()),
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

dcsSuite("ZooKeeper", { open, skipReason: zookeeperSkipReason() });
