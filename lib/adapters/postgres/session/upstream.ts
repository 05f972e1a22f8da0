/**
 * Asks an instance, by SQL and by a replication connection, in which role and on
 * which timeline it is and how that timeline came to be.
 *
 * Source: PostgreSQL 17 manual, "Streaming Replication Protocol".
 */
import {
  parseTimelineHistory,
  type TimelineSwitch,
} from "../../../core/base/timeline_history.ts";
import { type Lsn, parseLsn } from "../../../core/base/units.ts";
import type { LocalEnd, UpstreamView } from "../../../core/model/peer_view.ts";
import type { PostgresPeer } from "../../../ports/postgres.ts";
import type { PostgresContext } from "../options.ts";
import {
  errorText,
  type Query,
  type SqlTarget,
  withConnection,
} from "./sql.ts";
import { IDENTIFY_SYSTEM } from "./status_query.ts";
import { remoteTarget } from "./targets.ts";

/** What another instance says of its timelines. */
interface UpstreamFacts {
  readonly isInRecovery: boolean;
  readonly systemId: string;
  readonly timeline: number;
  readonly history: readonly TimelineSwitch[];
  /** Its flush (in recovery: replay) position. */
  readonly endLsn: Lsn | null;
}

const QUERY_TIMEOUT_MS = 3_000;

/**
 * What an upstream says, and the local end before it: in this order, so that the
 * upstream's is the later word. Silence is an answer too.
 */
export async function askUpstream(
  context: PostgresContext,
  upstream: PostgresPeer,
  localWalEnd: () => Promise<LocalEnd | null>,
): Promise<UpstreamView> {
  try {
    const localEnd = await localWalEnd();
    const facts = await askInstance(context, upstream);
    return { kind: "answered", ...facts, localEnd };
  } catch (error) {
    return { kind: "silent", detail: errorText(error) };
  }
}

/**
 * Asks `peer`.
 *
 * @throws {PostgresError} If it does not answer.
 */
async function askInstance(
  context: PostgresContext,
  peer: PostgresPeer,
): Promise<UpstreamFacts> {
  const isInRecovery = withConnection(
    remoteTarget(context, "rewind", peer),
    async (query) => {
      const [row] = await query(
        "SELECT pg_is_in_recovery() AS is_in_recovery",
        QUERY_TIMEOUT_MS,
      );
      return row?.["is_in_recovery"] !== false;
    },
  );
  const timelines = withConnection(
    remoteTarget(context, "replication", peer),
    askTimelines,
  );
  const [recovery, facts] = await Promise.all([isInRecovery, timelines]);
  return { isInRecovery: recovery, ...facts };
}

async function askTimelines(
  query: Query,
): Promise<Omit<UpstreamFacts, "isInRecovery">> {
  const [row] = await query(IDENTIFY_SYSTEM, QUERY_TIMEOUT_MS);
  const timeline = Number(row?.["timeline"]);
  const systemId = String(row?.["systemid"]);
  const endLsn = parseLsn(String(row?.["xlogpos"]));
  if (timeline === 1) return { systemId, timeline, history: [], endLsn };
  const [file] = await query(
    `TIMELINE_HISTORY ${timeline}`,
    QUERY_TIMEOUT_MS,
  );
  return {
    systemId,
    timeline,
    endLsn,
    history: parseTimelineHistory(String(file?.["content"] ?? "")),
  };
}

/** The timeline that an instance replays or writes; null if it does not say. */
export async function currentTimeline(
  target: SqlTarget,
): Promise<number | null> {
  try {
    return await withConnection(target, async (query) => {
      const [row] = await query(IDENTIFY_SYSTEM, QUERY_TIMEOUT_MS);
      const timeline = Number(row?.["timeline"]);
      return Number.isInteger(timeline) && timeline > 0 ? timeline : null;
    });
  } catch {
    return null;
  }
}
