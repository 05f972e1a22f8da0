/**
 * Tells systemd how the service is doing, by datagrams to the socket that it
 * named. Without such a socket, or without a C library, nothing happens: no
 * state of the service depends on it.
 *
 * The runtime has no unix datagrams, so libc sends them.
 *
 * Source: systemd's sd_notify(3); docs/contract/cli.md B2, "systemd".
 */
import type { ServiceWatch } from "../../ports/service_watch.ts";

/** What the service manager may know. */
export interface ServiceManager extends ServiceWatch {
  /** Somebody hears what is said. */
  readonly isThere: boolean;
  /** The REST API is serving; also after a reload was applied. */
  ready(): void;
  /** A reload was asked for. */
  reloading(): void;
  /** The shutdown has begun. */
  stopping(): void;
  /** Another process is the service from now on. */
  mainProcess(pid: number): void;
  close(): void;
}

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
  },
  close: { parameters: ["i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL_DONTWAIT = 0x4000 | 0x40;
const CLOCK_MONOTONIC = 1;
const PATH_BYTES_MAX = 107;

const NOBODY: ServiceManager = {
  isThere: false,
  patienceMs: null,
  alive: () => {},
  ready: () => {},
  reloading: () => {},
  stopping: () => {},
  mainProcess: () => {},
  close: () => {},
};

/**
 * The service manager behind NOTIFY_SOCKET. Takes its variables out of the
 * environment, so that PostgreSQL does not speak to systemd in our name.
 */
export function serviceManager(): ServiceManager {
  const path = Deno.env.get("NOTIFY_SOCKET") ?? "";
  Deno.env.delete("NOTIFY_SOCKET");
  const patienceMs = takePatienceMs();
  const address = socketAddress(path);
  if (address === null) return NOBODY;
  try {
    return new SystemdManager(address, patienceMs);
  } catch {
    // No libc.so.6 (another C library), or no descriptors left.
    return NOBODY;
  }
}

/**
 * WatchdogSec; null if the service manager does not watch, or another process.
 *
 * Source: systemd's sd_watchdog_enabled(3).
 */
function takePatienceMs(): number | null {
  const us = Deno.env.get("WATCHDOG_USEC") ?? "";
  const pid = Deno.env.get("WATCHDOG_PID") ?? `${Deno.pid}`;
  Deno.env.delete("WATCHDOG_USEC");
  Deno.env.delete("WATCHDOG_PID");
  const isMeant = /^[1-9]\d{0,15}$/.test(us) && pid === `${Deno.pid}`;
  return isMeant ? Number(us) / 1000 : null;
}

/** A sockaddr_un; null for a path that is none. A leading `@` is abstract. */
function socketAddress(path: string): Uint8Array<ArrayBuffer> | null {
  const name = new TextEncoder().encode(path);
  const isUsable = /^[/@]./.test(path) && name.length <= PATH_BYTES_MAX;
  if (!isUsable) return null;
  const isAbstract = path.startsWith("@");
  const address = new Uint8Array(2 + name.length + (isAbstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  if (isAbstract) address[2] = 0;
  return address;
}

class SystemdManager implements ServiceManager {
  readonly #libc = Deno.dlopen("libc.so.6", SYMBOLS);
  readonly #address: Uint8Array<ArrayBuffer>;
  readonly isThere = true;
  readonly patienceMs: number | null;
  #socket: number;

  constructor(address: Uint8Array<ArrayBuffer>, patienceMs: number | null) {
    this.#address = address;
    this.patienceMs = patienceMs;
    this.#socket = this.#libc.symbols.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (this.#socket >= 0) return;
    this.#libc.close();
    throw new Error("Cannot open a datagram socket");
  }

  ready(): void {
    this.#send("READY=1");
  }

  reloading(): void {
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${this.#monotonicUs()}`);
  }

  stopping(): void {
    this.#send("STOPPING=1");
  }

  mainProcess(pid: number): void {
    this.#send(`MAINPID=${pid}`);
  }

  alive(): void {
    if (this.patienceMs !== null) this.#send("WATCHDOG=1");
  }

  close(): void {
    if (this.#socket < 0) return;
    this.#libc.symbols.close(this.#socket);
    this.#socket = -1;
    this.#libc.close();
  }

  /** A message that cannot be sent is lost: systemd has its own time limits. */
  #send(text: string): void {
    if (this.#socket < 0) return;
    const bytes = new TextEncoder().encode(text);
    this.#libc.symbols.sendto(
      this.#socket,
      bytes,
      BigInt(bytes.length),
      MSG_NOSIGNAL_DONTWAIT,
      this.#address,
      this.#address.length,
    );
  }

  /** Not the boot-time clock of our deadlines: systemd compares with its own. */
  #monotonicUs(): bigint {
    const time = new BigInt64Array(2);
    this.#libc.symbols.clock_gettime(CLOCK_MONOTONIC, time);
    const [seconds = 0n, nanoseconds = 0n] = time;
    return seconds * 1_000_000n + nanoseconds / 1000n;
  }
}
