/** A connection to a ZooKeeper beside the program under test, and the nodes that it shows. */
import { ZkConnection } from "../../lib/adapters/zookeeper/connection.ts";
import { ScopeReader } from "../../lib/adapters/zookeeper/reader.ts";
import type { StoredScope } from "../../lib/adapters/zookeeper/tree.ts";
import { RealClock } from "../conformance/dcs_clock.ts";

const LIMITS = { timeoutMs: 10_000 };

/** Where it goes, and how long its session lasts without a request. */
export interface BesideOptions {
  readonly port: number;
  readonly host?: string;
  readonly sessionMs?: number;
}

/** An open connection for the time of `use`. */
export async function beside(
  { host = "127.0.0.1", port, sessionMs = 10_000 }: BesideOptions,
  use: (connection: ZkConnection) => Promise<void>,
): Promise<void> {
  const { connection } = await ZkConnection.open({
    ...{ address: { host, port }, tls: null, ...LIMITS },
    ...{ clock: new RealClock(), credentials: [], pingEveryMs: null },
    session: { id: 0n, password: new Uint8Array(16), timeoutMs: sessionMs },
    signal: new AbortController().signal,
    onEvent: () => {},
  });
  try {
    await use(connection);
  } finally {
    connection.close("the test is over");
    await connection.ended;
  }
}

/** All nodes of a scope, as a majority has them. */
export async function nodesOf(
  connection: ZkConnection,
  scopePath: string,
): Promise<StoredScope> {
  const reader = new ScopeReader({
    connect: () => Promise.resolve(connection),
    clock: new RealClock(),
    scopePath,
  });
  return await reader.fresh(LIMITS);
}
