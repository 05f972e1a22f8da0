/** The programs `ip` and `arping` of this host, with the rights that they need. */
import {
  type Arping,
  ARPING_VERSION,
  arpingBy,
} from "../../core/calc/host/vip.ts";
import type { CommandWords, HostAddresses } from "../../core/model/vip.ts";
import type { Log } from "../../ports/log.ts";
import {
  findPrivilege,
  type HostProgramResult,
  type Privilege,
  type RunHostProgram,
} from "./host_programs.ts";
import { parseAddresses } from "./vip_codec.ts";
import { timerMs } from "../../core/base/units.ts";

/** No single program takes longer. */
const PROGRAM_MAX_MS = 5_000;

const LIST: CommandWords = ["ip", "-j", "address", "show"];

/** What the tools need. */
interface VipToolsParts {
  readonly log: Log;
  readonly run: RunHostProgram;
}

/** Runs them, each for a limited time. An abort ends a program. */
export class VipTools {
  readonly #parts: VipToolsParts;
  #privilege: Privilege | null = null;
  #by: Arping | null = null;

  constructor(parts: VipToolsParts) {
    this.#parts = parts;
  }

  /** Why this process may not change addresses; null: it may. Asked anew as long as it may not. */
  async findMissing(signal: AbortSignal): Promise<string | null> {
    if (this.#privilege?.kind !== "granted") {
      this.#privilege = await findPrivilege(this.#parts.run, limited(signal));
    }
    return this.#privilege.kind === "missing" ? this.#privilege.why : null;
  }

  /** Whether there is any arping. */
  async hasArping(signal: AbortSignal): Promise<boolean> {
    return (await this.#parts.run(ARPING_VERSION, limited(signal))).code !==
      null;
  }

  /** Which arping this host has; asked anew while there is none. */
  async arping(signal: AbortSignal): Promise<Arping> {
    if (this.#by !== null) return this.#by;
    const { code } = await this.#parts.run(ARPING_VERSION, limited(signal));
    if (code === null || signal.aborted) return "iputils";
    this.#by = arpingBy(code);
    return this.#by;
  }

  /** The interfaces and their addresses; null: they cannot be read. */
  async look(signal: AbortSignal): Promise<HostAddresses | null> {
    const { code, output } = await this.#parts.run(LIST, limited(signal));
    if (code !== 0) return null;
    try {
      return parseAddresses(output);
    } catch (error) {
      this.#parts.log.error(`Cannot read the host's addresses: ${error}`);
      return null;
    }
  }

  /** Runs a program that changes something, or that speaks on the network. */
  async change(
    words: CommandWords,
    signal: AbortSignal,
  ): Promise<HostProgramResult> {
    const missing = await this.findMissing(signal);
    if (missing !== null) return { code: -1, output: missing };
    const prefix = this.#privilege?.kind === "granted"
      ? this.#privilege.prefix
      : [];
    return await this.#parts.run([...prefix, ...words], limited(signal));
  }
}

function limited(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([
    signal,
    AbortSignal.timeout(timerMs(PROGRAM_MAX_MS)),
  ]);
}
