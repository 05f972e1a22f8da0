/**
 * How a proxy takes the place of a running one of another version or
 * configuration: first the listening sockets, then, as soon as it has routes of
 * its own, the watch over the agent. Until then every failure leaves the running
 * one as it was.
 */
import type { Clock } from "../lib/ports/clock.ts";
import { DoorInbox } from "./native/door_inbox.ts";
import { loadLibc } from "./native/libc.ts";
import { type ProxyOptions, ProxyStartError } from "./options.ts";
import { Predecessor } from "./predecessor.ts";

/** What a new proxy starts from. */
export interface Inheritance {
  /** Null: there is nobody to replace. */
  readonly predecessor: Predecessor | null;
  /** Its listening sockets; whoever opens the doors owns them. */
  readonly doors: readonly number[];
}

/**
 * Finds the proxy to replace and takes its doors over.
 *
 * @throws {ProxyStartError} If the running one is not to be replaced, or refuses.
 */
export async function inherit(
  options: ProxyOptions,
  clock: Clock,
): Promise<Inheritance> {
  const { controlPath, edition } = options;
  const predecessor = controlPath === null
    ? null
    : await Predecessor.find(controlPath, clock);
  if (predecessor === null) return { predecessor, doors: [] };
  try {
    if (edition === null || predecessor.state?.edition === edition) {
      throw new ProxyStartError(
        `Another proxy already runs beside this member (it answers at ${controlPath})`,
      );
    }
    return { predecessor, doors: await takeDoors(predecessor, options) };
  } catch (error) {
    await predecessor.close();
    throw error;
  }
}

/** Without worker threads, or a C library, the doors are only shared. */
async function takeDoors(
  predecessor: Predecessor,
  { controlPath, workers }: ProxyOptions,
): Promise<readonly number[]> {
  const libc = workers === 0 ? null : loadLibc();
  const path = `${controlPath}.doors.${Deno.pid}`;
  const inbox = libc === null ? null : DoorInbox.open(libc, path);
  try {
    await predecessor.takeOver(inbox?.path ?? null);
    return inbox?.receive() ?? [];
  } finally {
    inbox?.close();
    libc?.unload();
    await Deno.remove(path).catch(() => {});
  }
}
