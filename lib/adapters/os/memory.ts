/**
 * Gives memory back that a program needed for its start, or for a busy hour, and
 * keeps for no reason: garbage that nobody collects while nothing happens, and
 * pages that the C library holds ready. It takes some tens of milliseconds, so
 * it is done once the start is over, and then only when there is something to gain.
 *
 * Source: malloc_trim(3).
 */
import type { Clock } from "../../ports/clock.ts";

/** By then the first cycles have run. */
const FIRST_MS = 30_000;
const LOOK_MS = 300_000;
/** Worth the trouble. */
const GROWN_BYTES = 24 * 2 ** 20;

const SYMBOLS = {
  malloc_trim: { parameters: ["usize"], result: "i32" },
} as const;

/** What a process has and how it gets less. */
export interface Memory {
  residentBytes(): number;
  giveBack(): void;
}

/** This process. */
export class OwnMemory implements Memory {
  residentBytes(): number {
    return Deno.memoryUsage().rss;
  }

  giveBack(): void {
    collectGarbage();
    try {
      const library = Deno.dlopen("libc.so.6", SYMBOLS);
      library.symbols.malloc_trim(0n);
      library.close();
    } catch {
      // Another C library, which does as it likes.
    }
  }
}

/** Looks after it until `signal` aborts. Never rejects. */
export async function keepMemorySmall(
  memory: Memory,
  clock: Pick<Clock, "sleep">,
  signal: AbortSignal,
): Promise<void> {
  let atRest = 0;
  await clock.sleep(FIRST_MS, signal);
  while (!signal.aborted) {
    if (memory.residentBytes() > atRest + GROWN_BYTES) {
      memory.giveBack();
      atRest = memory.residentBytes();
    }
    await clock.sleep(LOOK_MS, signal);
  }
}

/**
 * There only if the engine was told so at the start. As a last resort, because
 * only then are the pages put together of which a start leaves each a little in
 * use, and the code dropped that only the start ran: some MB of each program.
 *
 * Source: V8's `gc-extension.cc`, option "flavor".
 */
function collectGarbage(): void {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect !== "function") return;
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}
