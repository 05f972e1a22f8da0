/**
 * Processes of a fast agent: generators that yield what they wait for. Cheaper
 * than promises, and in an order that only the world's timeline decides.
 */
import type { Host } from "../world/host.ts";

/** Something to wait for: calls its argument once, when it is there. */
export type Wait = (resume: () => void) => void;

/** A sequence of steps with waits between them. */
export type Process<T> = Generator<Wait, T, void>;

/** Runs a process as part of the agent that lives now; a freeze or its death holds it at a wait. */
export function run<T>(
  host: Host,
  process: Process<T>,
  done: (value: T) => void,
): void {
  const enter = host.entrance;
  const step = (): void => {
    const next = process.next();
    if (next.done) done(next.value);
    else next.value(once(() => enter(step)));
  };
  step();
}

/** A pause on the host's clock. */
export function sleep(host: Host, ms: number): Wait {
  return (resume) => host.after(ms, resume);
}

function once(call: () => void): () => void {
  let isCalled = false;
  return () => {
    if (isCalled) return;
    isCalled = true;
    call();
  };
}
