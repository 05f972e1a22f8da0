/** Clients of ZooKeeper for tests, with what most of them do not care about. */
import assert from "node:assert/strict";
import { DcsZookeeper } from "../../lib/adapters/zookeeper/dcs_zookeeper.ts";
import type { ZookeeperOptions } from "../../lib/adapters/zookeeper/options.ts";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { Wanted } from "../../lib/config/fields.ts";
import { readStore } from "../../lib/config/stores/all.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { ZookeeperServer } from "../helpers/zookeeper.ts";
import { zookeeperSkipReason } from "../helpers/zookeeper_program.ts";
import { RealClock } from "./dcs_clock.ts";

/** What is not given has a default. */
export type SomeOptions = Partial<ZookeeperOptions> & {
  readonly port?: number;
};

/** What the adapter needs, around the given. */
export function zookeeperOptions(given: SomeOptions): ZookeeperOptions {
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

const SKIP = zookeeperSkipReason();

/** A test that needs the real server. */
export function zookeeperTest(name: string, fn: () => Promise<void>): void {
  const suffix = SKIP === null ? "" : ` (skipped: ${SKIP})`;
  Deno.test({ name: name + suffix, ignore: SKIP !== null, fn });
}

/** A server for the time of `use`. */
export async function withServer(
  options: Parameters<typeof ZookeeperServer.start>[0],
  use: (server: ZookeeperServer) => Promise<void>,
): Promise<void> {
  await using server = await ZookeeperServer.start(options);
  await use(server);
}

/** A client for the time of `use`. */
export async function withDcs(
  options: SomeOptions,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const dcs = new DcsZookeeper(zookeeperOptions(options));
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}

/** A client that a configuration makes, for the time of `use`. */
export async function throughSection(
  document: Readonly<Record<string, unknown>>,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const config = readStore(document);
  assert.ok(!(config instanceof Wanted), JSON.stringify(document));
  const place = { namespace: "service", scope: "batman", group: null };
  const dcs = await openDcsTarget({ config, ...place });
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}
