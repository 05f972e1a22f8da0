/** The listening sockets of worker threads: each door's own, and those it was left. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { DoorSpec, Route } from "./doors.ts";
import type { Doorway, FrontLimits } from "./front.ts";
import { openPorts } from "./listener.ts";
import type { Libc } from "./native/libc.ts";
import {
  adoptListener,
  listenNative,
  type NativeListener,
} from "./native/native_listener.ts";
import { type UnixListener, unixListener } from "./native/unix_listener.ts";
import type { TlsDoors } from "./tls_doors.ts";
import { socketPath } from "./unix_doors.ts";

/** What was opened. */
export interface Opened {
  readonly listeners: Map<Route, readonly NativeListener[]>;
  readonly sockets: Map<Route, UnixListener>;
  /** Where clients come in whose TLS has ended in this thread. */
  readonly inner: Map<Route, UnixListener>;
}

/** To be filled by {@link openAll}. */
export function nothingOpen(): Opened {
  return { listeners: new Map(), sockets: new Map(), inner: new Map() };
}

/** The sockets that are open. */
export function allOf(
  { listeners, sockets, inner }: Opened,
): readonly (NativeListener | UnixListener)[] {
  return [
    ...[...listeners.values()].flat(),
    ...sockets.values(),
    ...inner.values(),
  ];
}

/**
 * Opens the sockets of one door.
 *
 * @throws {ProxyStartError} If one cannot be opened.
 */
export async function openAll(
  { opened, tls, ...parts }: {
    readonly doorway: Doorway;
    readonly libc: Libc;
    readonly limits: FrontLimits;
    readonly tls: TlsDoors | null;
    readonly opened: Opened;
  },
  door: DoorSpec,
): Promise<void> {
  const { doorway, libc } = parts;
  const { sockets: place, inherited, isTakeOver, tlsPorts } = doorway;
  const { name } = door;
  if (door.isTls && tls !== null) {
    // Nobody else knows it: there is none to inherit.
    const terms = { libc, inherited: [], isTakeOver: false, mode: 0o600 };
    opened.inner.set(name, await unixListener(tls.innerPath(name), terms));
    if (tlsPorts.every((port) => port.door !== name)) return;
  }
  const some = await openDoor(parts, door);
  opened.listeners.set(name, some);
  if (place === null || door.isTls) return;
  const path = socketPath(place, some[0]?.addr.port ?? door.port);
  const terms = { libc, inherited, isTakeOver, mode: place.mode };
  opened.sockets.set(name, await unixListener(path, terms));
}

async function openDoor(
  { doorway, libc, limits: { tcp } }: {
    readonly doorway: Doorway;
    readonly libc: Libc;
    readonly limits: FrontLimits;
  },
  { setting, port: wanted }: DoorSpec,
): Promise<readonly NativeListener[]> {
  const numeric = new Map<string, string>();
  for (const host of doorway.listen) {
    if (host === "*" || isIP(host) !== 0) continue;
    const found = await lookup(host).catch(() => null);
    if (found !== null) numeric.set(host, found.address);
  }
  const uses = doorway.listen.map((hostname) => ({
    setting,
    hostname,
    port: wanted,
  }));
  const { inherited, isTakeOver: isShared } = doorway;
  return openPorts(uses, (host, port) => {
    const ip = numeric.get(host) ?? host;
    return adoptListener(ip, port, { libc, inherited, tcp }) ??
      listenNative(ip, port, { libc, isShared, tcp });
  });
}
