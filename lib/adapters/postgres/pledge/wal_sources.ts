/**
 * Whether WAL can still come in from another instance. What a session shows of
 * primary_conninfo is no proof by itself: the view of WAL receivers is empty while
 * one connects, and with replay paused an old one streams on.
 *
 * Source: PostgreSQL 15 `xlogrecovery.c`, StartupRequestWalReceiverRestart;
 * `walreceiverfuncs.c`, WalRcvRunning.
 */
import type { Query } from "../session/sql.ts";
import { childrenOf } from "../process/processes.ts";

const QUERY_TIMEOUT_MS = 1_000;

/** What one look found. */
export interface SourceLook {
  /** The session, which is new, shows an upstream. */
  readonly hasUpstream: boolean;
  readonly isInRecovery: boolean;
  /** WAL receivers, connecting ones included. */
  readonly receivers: readonly number[];
  /** A process so young that nothing says what it is. */
  readonly hasNewborn: boolean;
}

/**
 * Looks at the server, by a session that was opened for it, and at its processes.
 *
 * @param postmasterPid Of that server.
 * @throws {PostgresError} If it does not answer.
 */
export async function lookForSources(
  query: Query,
  postmasterPid: number,
): Promise<SourceLook> {
  const [row] = await query(
    `SELECT current_setting('primary_conninfo') <> '' AS has_upstream,
       pg_is_in_recovery() AS is_in_recovery,
       (SELECT coalesce(json_object_agg(pid, backend_type), '{}')
        FROM pg_stat_activity) AS known`,
    QUERY_TIMEOUT_MS,
  );
  const known = typesOf(row?.["known"]);
  const children = await childrenOf(postmasterPid);
  const own = await titleOf(postmasterPid);
  const others = await Promise.all(
    children.filter((pid) => !known.has(pid))
      .map(async (pid) => ({ pid, title: await titleOf(pid) })),
  );
  const listed = [...known].filter(([, type]) => type === "walreceiver")
    .map(([pid]) => pid);
  const unlisted = others.filter(({ title }) => /\bwalreceiver\b/.test(title))
    .map(({ pid }) => pid);
  return {
    hasUpstream: row?.["has_upstream"] !== false,
    isInRecovery: row?.["is_in_recovery"] === true,
    receivers: [...listed, ...unlisted],
    hasNewborn: others.some(({ title }) => title === own),
  };
}

function typesOf(value: unknown): ReadonlyMap<number, string> {
  const document = typeof value === "string" ? JSON.parse(value) : value;
  if (typeof document !== "object" || document === null) return new Map();
  return new Map(
    Object.entries(document).map(([pid, type]) => [Number(pid), String(type)]),
  );
}

/** A child that was just forked still has its parent's; empty: it is gone. */
async function titleOf(pid: number): Promise<string> {
  const text = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
  return text.split("\0").join(" ").trim();
}
