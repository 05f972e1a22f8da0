/**
 * Waiting for a condition with a deadline: the only form of waiting in this
 * room. The last thing seen is part of the error, so a failed demo says why.
 *
 * `lib/lab` is an adapter-like room: it starts processes and reads files with
 * `Deno` itself, because a lab is a test bench and not part of the product's
 * decisions. It imports nothing of agent, adapters, http, cli or proxy.
 */
import { timerMs } from "../core/base/units.ts";

/** How long and how often to look. */
export interface WaitOptions {
  readonly timeoutMs: number;
  /** Pause between two looks in milliseconds; 100 unless given. */
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

/** A condition did not come true in time. */
export class LabTimeoutError extends Error {
  override readonly name: string = "LabTimeoutError";
}

/** Waiting on makes no sense: something ended that should run. */
export class LabBrokenError extends Error {
  override readonly name: string = "LabBrokenError";
}

/** Resolves after `ms` milliseconds, or at once when `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, timerMs(ms));
    signal?.addEventListener("abort", finish);
  });
}

/**
 * The first value of `probe` that is not null.
 *
 * @param what What is waited for, as it reads after "Waited N s for".
 * @param probe Looks once; null means "not yet", an error is a reason for it.
 * @throws {LabTimeoutError} When the time is up, with the last error if any.
 * @throws {LabBrokenError} As soon as the probe throws it.
 * @throws {DOMException} "AbortError" when the signal aborts.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | null> | T | null,
  options: WaitOptions,
): Promise<T> {
  const end = performance.now() + options.timeoutMs;
  let last: unknown = null;
  while (true) {
    options.signal?.throwIfAborted();
    try {
      const value = await probe();
      if (value !== null) return value;
      last = null;
    } catch (error) {
      if (error instanceof LabBrokenError) throw error;
      last = error;
    }
    if (performance.now() >= end) break;
    await pause(options.everyMs ?? 100, options.signal);
  }
  const seconds = Math.round(options.timeoutMs / 1000);
  const why = last instanceof Error ? `: ${last.message}` : "";
  throw new LabTimeoutError(`Waited ${seconds} s for ${what}${why}`, {
    cause: last,
  });
}
