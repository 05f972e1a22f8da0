/**
 * Runs what is ready to run, at once. Between two events of a world the agents'
 * promises must settle; a turn of the runtime's event loop for that costs more
 * than everything that the agents do in it.
 */

interface DenoCore {
  readonly runMicrotasks: () => void;
}

/** Not part of Deno's public interface; the version of Deno is pinned. */
const INTERNAL = Deno as unknown as {
  readonly internal: symbol;
} & Readonly<Record<symbol, { readonly core: DenoCore }>>;

/**
 * Runs all microtasks, and those that they queue, until none is left. Does
 * nothing when called by a microtask.
 */
export function runMicrotasks(): void {
  INTERNAL[INTERNAL.internal]?.core.runMicrotasks();
}
