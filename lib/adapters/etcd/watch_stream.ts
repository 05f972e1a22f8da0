/** One watch stream of etcd on one scope, from one revision on. */
import type { Etcd3, IWatchResponse } from "etcd3";

import type { Clock } from "../../ports/clock.ts";
import type { Counter, ScopeKeys } from "./keys.ts";

/** What is watched. */
export interface WatchTarget {
  readonly keys: ScopeKeys;
  /** The first change of interest. */
  readonly from: Counter;
  readonly clock: Clock;
}

/** Who is told. */
export interface WatchReceiver {
  onResponse(response: IWatchResponse): void;
  /** Once: the stream has failed, ended or was cancelled by etcd. */
  onEnd(): void;
}

/** A stream that was asked for. */
export interface WatchStream {
  /** True once etcd has confirmed the watch; false if it does not in time. */
  untilStanding(timeoutMs: number): Promise<boolean>;
  cancel(): void;
}

/** Opens the stream; it is not confirmed yet. */
export async function openWatch(
  etcd: Etcd3,
  target: WatchTarget,
  receiver: WatchReceiver,
): Promise<WatchStream> {
  const { keys, from, clock } = target;
  const stream = await etcd.watchClient.watch();
  const settled = new AbortController();
  let isStanding = false;
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    settled.abort();
    receiver.onEnd();
  };
  stream.on("error", end);
  stream.on("end", end);
  stream.on("data", (response) => {
    if (isOver) return;
    // Compacted, or without permission: etcd says so in the first answer too.
    if (response.canceled) return end();
    if (response.created) {
      isStanding = true;
      settled.abort();
    } else receiver.onResponse(response);
  });
  stream.write({
    create_request: {
      key: keys.start,
      range_end: keys.end,
      start_revision: String(from),
      progress_notify: true,
    },
  });
  return {
    untilStanding: async (timeoutMs) => {
      await clock.sleep(timeoutMs, settled.signal);
      return isStanding && !isOver;
    },
    cancel: () => {
      end();
      stream.cancel();
    },
  };
}
