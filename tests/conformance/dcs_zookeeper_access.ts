/** A client of ZooKeeper for tests, with what most of them do not care about. */
import type { ZookeeperOptions } from "../../lib/adapters/zookeeper/options.ts";
import { RealClock } from "./dcs_clock.ts";

/** What the adapter needs, around the given. */
export function zookeeperOptions(
  given: Partial<ZookeeperOptions> & { readonly port?: number },
): ZookeeperOptions {
  const { port = 2181, ...others } = given;
  return {
    ensemble: { kind: "listed", hosts: [{ host: "127.0.0.1", port }] },
    tls: null,
    credentials: () => [],
    acl: [],
    scopePath: "/service/batman",
    clock: new RealClock(),
    ...others,
  };
}
