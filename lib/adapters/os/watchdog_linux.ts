/**
 * The kernel's watchdog device, by the calls of linux/watchdog.h. Opening it
 * starts it; from then on the host is reset unless it is written to in time, or
 * closed with the magic letter first.
 *
 * Source: Linux 6.1 `Documentation/watchdog/watchdog-api.rst`.
 */
import { accessSync, constants } from "node:fs";
import {
  type Watchdog,
  type WatchdogActivation,
  WatchdogError,
} from "../../ports/watchdog.ts";
import { Libc, type LibcResult } from "./libc.ts";

/** Any byte is a keepalive; this one is what Patroni writes. */
const KEEPALIVE = "1";
const MAGIC_CLOSE = "V";

const WDIOC_GETSUPPORT = 0x80285700;
const WDIOC_SETTIMEOUT = 0xC0045706;
const WDIOC_GETTIMEOUT = 0x80045707;

/** struct watchdog_info: two numbers of 4 bytes, then the driver's name. */
const INFO_BYTES = 40;
const IDENTITY_AT = 8;

/** What differs between a real device and the one of tests. */
export interface WatchdogDriver {
  /** Called once, right after the device was opened; its name for itself. */
  identify(libc: Libc, descriptor: number): string;
  /** @returns Seconds in force; null if it does not tell. */
  setTimeout(libc: Libc, descriptor: number, timeoutS: number): number | null;
  /** Why `path` cannot be such a device; null if it can. */
  refuse(path: string): string | null;
}

/** One device file. */
export class WatchdogLinux implements Watchdog {
  readonly device: string;
  readonly #driver: WatchdogDriver;
  #open: { readonly libc: Libc; readonly descriptor: number } | null = null;
  #identity = "";

  constructor(device: string, driver: WatchdogDriver = new KernelDriver()) {
    this.device = device;
    this.#driver = driver;
  }

  get isActive(): boolean {
    return this.#open !== null;
  }

  isUsable(): boolean {
    try {
      accessSync(this.device, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  }

  describe(): string {
    const name = this.#identity === "" ? "" : ` (${this.#identity})`;
    return `watchdog ${this.device}${name}`;
  }

  activate(timeoutS: number): WatchdogActivation {
    const refusal = this.#driver.refuse(this.device);
    if (refusal !== null) throw new WatchdogError(`Cannot use ${refusal}`);
    const libc = new Libc();
    const opened = libc.openForWriting(this.device);
    if (opened.kind === "failed") {
      libc.close();
      throw new WatchdogError(`Cannot open ${this.device}: ${opened.text}`);
    }
    this.#open = { libc, descriptor: opened.value };
    try {
      this.#identity = this.#driver.identify(libc, opened.value);
      return this.setTimeout(timeoutS);
    } catch (error) {
      this.#letGo();
      throw error;
    }
  }

  setTimeout(timeoutS: number): WatchdogActivation {
    const { libc, descriptor } = this.#active();
    return {
      timeoutS: this.#driver.setTimeout(libc, descriptor, timeoutS),
    };
  }

  keepalive(): void {
    this.#write(KEEPALIVE);
  }

  disable(): void {
    if (this.#open === null) return;
    try {
      this.#write(MAGIC_CLOSE);
    } finally {
      this.#letGo();
    }
  }

  #write(text: string): void {
    const { libc, descriptor } = this.#active();
    demand(libc.write(descriptor, text), `write to ${this.device}`);
  }

  #active(): { readonly libc: Libc; readonly descriptor: number } {
    if (this.#open === null) {
      throw new WatchdogError(`${this.device} is not open`);
    }
    return this.#open;
  }

  #letGo(): void {
    if (this.#open === null) return;
    const { libc, descriptor } = this.#open;
    this.#open = null;
    libc.closeDescriptor(descriptor);
    libc.close();
  }
}

/** A real device, by ioctl. */
export class KernelDriver implements WatchdogDriver {
  refuse(path: string): string | null {
    try {
      return Deno.statSync(path).isCharDevice === true
        ? null
        : `${path} as watchdog: it is no character device`;
    } catch (error) {
      const isMissing = error instanceof Deno.errors.NotFound;
      return `${path} as watchdog: ${
        isMissing ? "there is no such device" : String(error)
      }`;
    }
  }

  /** A file that is no watchdog fails here, before anything was written to it. */
  identify(libc: Libc, descriptor: number): string {
    const info = new Uint8Array(INFO_BYTES);
    const answer = libc.ioctl(descriptor, WDIOC_GETSUPPORT, info);
    demand(answer, "ask the watchdog what it is");
    const bytes = info.subarray(IDENTITY_AT);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(
      end === -1 ? bytes : bytes.subarray(0, end),
    );
  }

  setTimeout(libc: Libc, descriptor: number, timeoutS: number): number | null {
    const data = number(timeoutS);
    const set = libc.ioctl(descriptor, WDIOC_SETTIMEOUT, data);
    // The driver rounds to what it can; a driver that cannot change it may still tell.
    const got = libc.ioctl(descriptor, WDIOC_GETTIMEOUT, data);
    if (got.kind === "done") return new DataView(data.buffer).getInt32(0, true);
    return set.kind === "done"
      ? new DataView(data.buffer).getInt32(0, true)
      : null;
  }
}

/** A pipe that a test reads: the same bytes, the timeout as a line of text. */
export class TestingDriver implements WatchdogDriver {
  refuse(): null {
    return null;
  }

  identify(): string {
    return "testing";
  }

  setTimeout(libc: Libc, descriptor: number, timeoutS: number): number {
    const line = `Ctimeout=${timeoutS}\n`;
    demand(libc.write(descriptor, line), "write the timeout");
    return timeoutS;
  }
}

function number(value: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setInt32(0, value, true);
  return data;
}

function demand(result: LibcResult, what: string): void {
  if (result.kind === "failed") {
    throw new WatchdogError(`Cannot ${what}: ${result.text}`);
  }
}
