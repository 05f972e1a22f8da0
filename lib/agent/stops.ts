/** What all who stop the instance share. */
import type { Log } from "../ports/log.ts";
import type { PostgresServer, StopOptions } from "../ports/postgres.ts";

/**
 * What is dirty goes to the disk while the clients still work: once a drain has
 * let them go they wait for all that follows. Without a proxy nobody is let go,
 * and the stop itself checkpoints first.
 */
export async function checkpointBeforeDrain(
  { postgres, proxy, log }: {
    readonly postgres: {
      readonly server: Pick<PostgresServer, "checkpoint">;
    };
    readonly proxy: unknown;
    readonly log: Pick<Log, "warning">;
  },
  signal: AbortSignal,
): Promise<void> {
  if (proxy === null) return;
  try {
    await postgres.server.checkpoint(signal);
  } catch (error) {
    // The stop checkpoints again anyway; this only would have shortened it.
    log.warning(`CHECKPOINT before a stop: ${String(error)}`);
  }
}

/** An immediate stop; the postmaster gets five seconds for it. */
export function stopAtOnce(): StopOptions {
  return {
    mode: "immediate",
    isCheckpointFirst: false,
    escalateAfterMs: 5_000,
    onShutdownCheckpoint: null,
  };
}
