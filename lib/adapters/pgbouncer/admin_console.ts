/**
 * PgBouncer's admin console: PostgreSQL's protocol, its own few commands.
 *
 * Source: PgBouncer 1.18 manual, "Admin console" (PAUSE, RESUME, RECONNECT); it
 * takes simple queries only.
 */
import postgres from "postgres";
import { timerMs } from "../../core/base/units.ts";

/** How a command ended. */
export type ConsoleAnswer =
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "silent"; readonly detail: string };

/** One command to one console. */
export interface ConsoleCall {
  /** URL of the database `pgbouncer`, with user and password. */
  readonly admin: string;
  readonly command: string;
  /** For the connection and the answer together; milliseconds. */
  readonly limitMs: number;
  readonly signal?: AbortSignal;
}

/** Sends the command and waits for its end. Never rejects. */
export async function callConsole(call: ConsoleCall): Promise<ConsoleAnswer> {
  const { admin, command, limitMs, signal } = call;
  const over = new AbortController();
  const onAbort = (): void => over.abort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(onAbort, timerMs(limitMs));
  let sql: postgres.Sql | null = null;
  try {
    sql = postgres(admin, {
      max: 1,
      fetch_types: false,
      prepare: false,
      connect_timeout: Math.max(1, Math.ceil(limitMs / 1000)),
      // One attempt: whoever calls decides about the next.
      backoff: () => 0,
      onnotice: () => {},
      connection: { application_name: "matriarch" },
    });
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    over.signal.addEventListener("abort", () => reject(new Error("no answer")));
    if (signal?.aborted) onAbort();
    const answer = sql.unsafe(command).simple();
    // Of two that fail only one is waited for.
    answer.catch(() => {});
    await Promise.race([answer, aborted]);
    return { kind: "done" };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const isAnswer = error instanceof postgres.PostgresError;
    return { kind: isAnswer ? "refused" : "silent", detail };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    await sql?.end({ timeout: 0 }).catch(() => {});
  }
}
