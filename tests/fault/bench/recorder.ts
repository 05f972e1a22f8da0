/**
 * The client host's program: writes rows through every lane, all the time, and
 * notes each attempt before it makes the next one. Runs until SIGTERM.
 *
 *     recorder.ts PLAN.json
 */
import { openSync, writeSync } from "node:fs";
import postgres from "postgres";
import type { Attempt, Lane, Outcome, RecorderPlan } from "./history.ts";

/** Nobody waits longer for one row. */
const ATTEMPT_MAX_MS = 2_000;

const PAUSE_MS = 40;
const PAUSE_AFTER_FAILURE_MS = 80;

const WRITE = "INSERT INTO fault_log (id) VALUES ($1) RETURNING " +
  "current_setting('data_directory') AS place, " +
  "pg_current_wal_insert_lsn() AS lsn, " +
  "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS timeline";

async function runLane(
  lane: Lane,
  password: string,
  note: (attempt: Attempt) => void,
): Promise<never> {
  let sql: postgres.Sql | null = null;
  for (let number = 0;; number++) {
    const id = `${lane.name}/${number}`;
    const startedMs = performance.now();
    sql ??= connect(lane, password);
    const outcome = await limited(write(sql, id));
    const endedMs = performance.now();
    note({ id, lane: lane.name, startedMs, endedMs, outcome });
    if (outcome.kind === "failed") {
      sql.end({ timeout: 0 }).catch(() => {});
      sql = null;
    }
    await pause(
      outcome.kind === "failed" ? PAUSE_AFTER_FAILURE_MS : PAUSE_MS,
    );
  }
}

function connect(lane: Lane, password: string): postgres.Sql {
  return postgres({
    host: lane.host,
    port: lane.port,
    username: "postgres",
    password,
    database: "postgres",
    max: 1,
    connect_timeout: ATTEMPT_MAX_MS / 1000,
    idle_timeout: 0,
    max_lifetime: null,
    fetch_types: false,
    onnotice: () => {},
  });
}

async function write(sql: postgres.Sql, id: string): Promise<Outcome> {
  const [row] = await sql.unsafe(WRITE, [id]);
  const member = /\/(\w+)\/disk\/data$/.exec(String(row?.["place"]))?.[1] ??
    "?";
  const timeline = Number.parseInt(String(row?.["timeline"]), 16);
  return { kind: "acked", member, timeline, lsn: String(row?.["lsn"]) };
}

function limited(work: Promise<Outcome>): Promise<Outcome> {
  const failed = (error: unknown): Outcome => ({
    kind: "failed",
    error: error instanceof Error && "code" in error
      ? String(error.code)
      : String(error),
  });
  const timeout = pause(ATTEMPT_MAX_MS).then(() => failed("timeout"));
  return Promise.race([work.catch(failed), timeout]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) {
  // A connection that is given up may still complain.
  globalThis.addEventListener(
    "unhandledrejection",
    (event) => event.preventDefault(),
  );
  const plan: RecorderPlan = JSON.parse(
    Deno.readTextFileSync(Deno.args[0] ?? ""),
  );
  const output = openSync(plan.output, "a");
  const note = (attempt: Attempt): void => {
    writeSync(output, `${JSON.stringify(attempt)}\n`);
  };
  await Promise.all(
    plan.lanes.map((lane) => runLane(lane, plan.password, note)),
  );
}
