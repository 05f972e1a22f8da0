/**
 * The wall clock of a server under test, which a test can step; its monotonic
 * clock goes on. By libfaketime, so only for programs that ask the C library for
 * the time: Go's (etcd, Consul, Kubernetes) read the kernel's page themselves.
 *
 * Source: libfaketime 0.9.10, README, "FAKETIME_TIMESTAMP_FILE".
 */

/** The loader knows what LIB is on this machine. */
const LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1";
const FOLDERS = ["x86_64-linux-gnu", "aarch64-linux-gnu"];

/** Why clocks cannot be stepped here; null if they can. */
export function serverClockSkipReason(): string | null {
  if (Deno.env.get("CI") === "true") return null;
  const isThere = FOLDERS.some((folder) => {
    try {
      return Deno.statSync(
        LIBRARY.replace("$LIB", `lib/${folder}`),
      ).isFile;
    } catch {
      return false;
    }
  });
  return isThere ? null : "there is no libfaketime here (package faketime)";
}

/** A clock for one server. */
export class ServerClock implements Disposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static make(): ServerClock {
    const path = Deno.makeTempFileSync({ prefix: "matriarch-clock-" });
    const clock = new ServerClock(path);
    clock.step(0);
    return clock;
  }

  /** Of a server that goes by this clock. */
  get environment(): Readonly<Record<string, string>> {
    return {
      // Redis' own allocator asks for the time before the library is ready.
      LD_PRELOAD: `${LIBRARY} libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: this.#path,
      // Looked at again each second.
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** Within a second the clock is that far from this host's. */
  step(seconds: number): void {
    const sign = seconds < 0 ? "-" : "+";
    const text = `${sign}${Math.abs(seconds)}\n`;
    Deno.writeTextFileSync(`${this.#path}.new`, text);
    Deno.renameSync(`${this.#path}.new`, this.#path);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#path);
  }
}
