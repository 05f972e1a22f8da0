/**
 * When each host had an address, as its kernel says: every change with its time,
 * so that not even a moment with two carriers goes unseen.
 */
import type { Host } from "./network.ts";

/** A time during which a host had the address; `endMs` null: it has it now. */
interface Stay {
  readonly host: Host;
  readonly startMs: number;
  endMs: number | null;
}

/** Two hosts had the address at the same time. */
export interface Overlap {
  readonly hosts: readonly string[];
  readonly ms: number;
}

/** Watches some hosts until it is disposed. None of them may have the address at first. */
export class AddressHistory implements AsyncDisposable {
  readonly #address: string;
  readonly #stays: Stay[] = [];
  readonly #watches: readonly Deno.ChildProcess[];
  readonly #done: Promise<unknown>;

  constructor(hosts: readonly Host[], address: string) {
    this.#address = address;
    this.#watches = hosts.map((host) => {
      const args = ["-n", host.namespace, "-o", "-ts", "monitor", "address"];
      return new Deno.Command("ip", {
        args,
        env: { TZ: "UTC" },
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
    });
    this.#done = Promise.all(
      this.#watches.map((child, at) => this.#read(child, hosts[at])),
    );
  }

  /** Who has it now. */
  carriers(): readonly Host[] {
    return this.#stays.filter(({ endMs }) => endMs === null)
      .map(({ host }) => host);
  }

  /** When a host got it that has it now; null: it has it not. By the wall clock. */
  carriedSince(host: Host): number | null {
    return this.#stays.find((stay) => stay.host === host && stay.endMs === null)
      ?.startMs ?? null;
  }

  /** When a host lost it last; null: it never did. By the wall clock. */
  lostAt(host: Host): number | null {
    return this.#stays.findLast((stay) =>
      stay.host === host && stay.endMs !== null
    )?.endMs ?? null;
  }

  /** Every time that two hosts had it at once. */
  overlaps(): readonly Overlap[] {
    const now = Date.now();
    return this.#stays.flatMap((one, at) =>
      this.#stays.slice(at + 1).flatMap((other) => {
        const start = Math.max(one.startMs, other.startMs);
        const end = Math.min(one.endMs ?? now, other.endMs ?? now);
        const isShared = one.host !== other.host && end > start;
        const hosts = [one.host.name, other.host.name];
        return isShared ? [{ hosts, ms: end - start }] : [];
      })
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.#watches) {
      try {
        watch.kill("SIGKILL");
      } catch {
        // It ended with its namespace.
      }
    }
    await this.#done;
    await Promise.all(this.#watches.map(({ status }) => status));
  }

  async #read(
    child: Deno.ChildProcess,
    host: Host | undefined,
  ): Promise<void> {
    if (host === undefined) return;
    let rest = "";
    const text = child.stdout.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#note(host, line);
    }
  }

  /** `[2026-11-29T14:55:52.566863] Deleted 3: eth0 inet 10.1.1.1/24 scope ...` */
  #note(host: Host, line: string): void {
    const [stamp = "", ...words] = line.split(/\s+/);
    const isHere = words.some((word) => word.startsWith(`${this.#address}/`));
    if (!isHere) return;
    const atMs = Date.parse(`${stamp.slice(1, -1)}Z`);
    const open = this.#stays.find((stay) =>
      stay.host === host && stay.endMs === null
    );
    if (words[0] === "Deleted") {
      if (open !== undefined) open.endMs = atMs;
    } else if (open === undefined) {
      this.#stays.push({ host, startMs: atMs, endMs: null });
    }
  }
}
