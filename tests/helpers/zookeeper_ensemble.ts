/** Three ZooKeepers that make one store, all on this host. */
import { freePorts } from "./free_ports.ts";
import { untilIt } from "./wait.ts";
import { ZookeeperServer } from "./zookeeper.ts";

const COUNT = 3;
/** For elections, and for Java. */
const PATIENCE = { limitMs: 60_000 };

/** A running ensemble. */
export class ZookeeperEnsemble implements AsyncDisposable {
  readonly servers: ZookeeperServer[] = [];

  /** Starts one and waits until all of its servers serve. */
  static async start(): Promise<ZookeeperEnsemble> {
    const ensemble = new ZookeeperEnsemble();
    try {
      const ports = freePorts(2 * COUNT);
      const lines = [
        ...["initLimit=20", "syncLimit=10"],
        ...Array.from(
          { length: COUNT },
          (_, at) =>
            `server.${at + 1}=127.0.0.1:${ports[2 * at]}:${ports[2 * at + 1]}`,
        ),
      ];
      for (let id = 1; id <= COUNT; id++) {
        ensemble.servers.push(await ZookeeperServer.launch({ id, lines }));
      }
      await ensemble.untilWhole();
      return ensemble;
    } catch (error) {
      await ensemble[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One leads and the others follow it. */
  async untilWhole(): Promise<void> {
    await untilIt("all servers serve", async () => {
      const modes = this.servers.map((one) => one.mode());
      return !(await Promise.all(modes)).includes(null);
    }, PATIENCE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}
