/**
 * A SQLite store that says for ever that one instance leads: for measuring a
 * proxy alone. As a program: `fixed_leader.ts PATH SCOPE PORT`.
 */
import { SystemClock } from "../adapters/os/clock.ts";
import { DcsSqlite } from "../adapters/sqlite/dcs_sqlite.ts";

const WRITE_LIMITS = { timeoutMs: 5_000 };

/** What the store is to say. */
export interface FixedLeader {
  /** The store's file; made. */
  readonly path: string;
  readonly scope: string;
  /** Where the primary listens, on loopback. */
  readonly port: number;
}

/** Writes the keys of member `n1` and of its lead, without a lease. */
export async function writeFixedLeader(leader: FixedLeader): Promise<void> {
  const dcs = new DcsSqlite({
    path: leader.path,
    scopePath: `/service/${leader.scope}`,
    clock: new SystemClock(),
  });
  const member = JSON.stringify({
    conn_url: `postgres://127.0.0.1:${leader.port}/postgres`,
    state: "running",
    role: "primary",
    xlog_location: 1000,
  });
  try {
    for (const [key, value] of [["members/n1", member], ["leader", "n1"]]) {
      if (key === undefined || value === undefined) continue;
      const guard = { kind: "none" } as const;
      const write = { kind: "put", key, value, leaseId: null, guard } as const;
      await dcs.write(write, WRITE_LIMITS);
    }
  } finally {
    await dcs.close();
  }
}

if (import.meta.main) {
  const [path = "", scope = "", port = ""] = Deno.args;
  await writeFixedLeader({ path, scope, port: Number(port) });
}
