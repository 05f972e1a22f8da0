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

/** A successor that cannot read the DCS by then leaves the running proxy alone. */
const FIRST_READ_MS = 10_000;

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
      const where = options.memberName === null
        ? "with this configuration"
        : "beside this member";
      throw new ProxyStartError(
        `Another proxy already runs ${where} (it answers at ${controlPath})`,
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

/**
 * Waits until a new proxy has routes of its own.
 *
 * @throws {ProxyStartError} If that takes too long.
 */
export async function untilRead(
  firstRead: Promise<void>,
  clock: Clock,
): Promise<void> {
  const done = new AbortController();
  const limit = clock.sleep(FIRST_READ_MS, done.signal);
  const isRead = firstRead.then(() => true);
  const hasRoutes = await Promise.race([isRead, limit]) === true;
  done.abort();
  if (hasRoutes) return;
  throw new ProxyStartError(
    "Cannot take over: the DCS does not answer, the running proxy stays",
  );
}
