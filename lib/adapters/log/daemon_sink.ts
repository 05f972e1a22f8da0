/**
 * Sends lines to a log daemon as datagrams. It never waits: what the daemon does
 * not take in time is lost, and said on standard error once per failure.
 */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { LogTarget } from "../../core/model/log_target.ts";
import type { LogLevel } from "../../ports/log.ts";
import type { LogSink } from "./log_stream.ts";
import {
  journalMessage,
  type LineOrigin,
  syslogMessage,
} from "./syslog_message.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sendto: {
    parameters: ["i32", "buffer", "u32", "i32", "buffer", "u32"],
    result: "i32",
  },
  close: { parameters: ["i32"], result: "i32" },
} as const;

const FAMILY_UNIX = 1;
const DATAGRAM_CLOEXEC = 2 | 0o2000000;
const NOSIGNAL_DONTWAIT = 0x4000 | 0x40;
const PATH_BYTES_MAX = 107;

/** What it is made of. */
interface DaemonSinkParts {
  readonly target: Exclude<LogTarget, { kind: "file" }>;
  readonly origin: LineOrigin;
  /** Takes the lines that cannot be sent. */
  readonly fallback: LogSink;
  readonly wallTimeMs: () => number;
}

/** Lines to syslog or to the journal. */
export class DaemonSink implements LogSink {
  readonly #parts: DaemonSinkParts;
  readonly #sender: Sender;
  #hasFailed = false;

  constructor(parts: DaemonSinkParts) {
    this.#parts = parts;
    const { target } = parts;
    const onError = (error: unknown): void => this.#failed(String(error));
    this.#sender = target.kind === "syslog_udp"
      ? new UdpSender(target, onError)
      : new LocalSender(target.path);
  }

  writeLine(line: string, level: LogLevel = "INFO"): void {
    const { fallback, origin, target, wallTimeMs } = this.#parts;
    const entry = { text: line, level, wallTimeMs: wallTimeMs() };
    const message = target.kind === "journald"
      ? journalMessage(origin, entry)
      : new TextEncoder().encode(syslogMessage(origin, entry));
    const failure = this.#sender.send(message);
    if (failure === null) {
      this.#hasFailed = false;
      return;
    }
    this.#failed(failure);
    fallback.writeLine(line);
  }

  close(): void {
    this.#sender.close();
  }

  #failed(why: string): void {
    const { fallback, target } = this.#parts;
    if (!this.#hasFailed) {
      fallback.writeLine(`Cannot send log lines (${target.kind}): ${why}`);
    }
    this.#hasFailed = true;
  }
}

interface Sender {
  /** Why it failed; null: it is on its way. Never throws. */
  send(message: Uint8Array<ArrayBuffer>): string | null;
  close(): void;
}

class LocalSender implements Sender {
  readonly #address: Uint8Array<ArrayBuffer> | null;
  #library: Deno.DynamicLibrary<typeof SYMBOLS> | null = null;
  #socket = -1;

  constructor(path: string) {
    const name = new TextEncoder().encode(path);
    if (name.length > PATH_BYTES_MAX) {
      this.#address = null;
      return;
    }
    this.#address = new Uint8Array(2 + name.length + 1);
    this.#address[0] = FAMILY_UNIX;
    this.#address.set(name, 2);
  }

  send(message: Uint8Array<ArrayBuffer>): string | null {
    const address = this.#address;
    if (address === null) return "the path of the socket is too long";
    try {
      this.#library ??= Deno.dlopen("libc.so.6", SYMBOLS);
      const { sendto, socket } = this.#library.symbols;
      if (this.#socket < 0) {
        this.#socket = socket(FAMILY_UNIX, DATAGRAM_CLOEXEC, 0);
      }
      const sent = sendto(
        ...[this.#socket, message, message.length] as const,
        ...[NOSIGNAL_DONTWAIT, address, address.length] as const,
      );
      return sent === message.length ? null : "nobody takes them";
    } catch (error) {
      return String(error);
    }
  }

  close(): void {
    if (this.#socket >= 0) this.#library?.symbols.close(this.#socket);
    this.#socket = -1;
    this.#library?.close();
    this.#library = null;
  }
}

class UdpSender implements Sender {
  readonly #host: string;
  readonly #port: number;
  readonly #socket: Socket;

  constructor(
    { host, port }: { readonly host: string; readonly port: number },
    onError: (error: unknown) => void,
  ) {
    this.#host = host;
    this.#port = port;
    this.#socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    this.#socket.on("error", onError);
    // A log is no reason to live on.
    this.#socket.unref();
  }

  send(message: Uint8Array<ArrayBuffer>): string | null {
    try {
      this.#socket.send(message, this.#port, this.#host);
      return null;
    } catch (error) {
      return String(error);
    }
  }

  close(): void {
    this.#socket.close();
  }
}
