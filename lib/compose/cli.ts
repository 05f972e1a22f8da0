/** Connects the command line with this process, its terminal and its network. */
import { CallClock } from "../adapters/os/clock.ts";
import { SystemRandom } from "../adapters/os/random.ts";
import { decodeStatus } from "../adapters/peers/codec.ts";
import type { CliContext, DcsTarget, ListedCommand } from "../cli/context.ts";
import { sendHttp } from "../cli/http_send.ts";
import { openProcessScreen } from "../cli/screen.ts";
import { ProcessFiles, ProcessTerminal, runProgram } from "../cli/terminal.ts";
import { MATRIARCH_VERSION } from "./versions.ts";
import type { Dcs } from "../ports/dcs.ts";

/** What the main file knows and the command line does not. */
export interface CliParts {
  /** As the user called us: `matriarch`, `patronictl`. */
  readonly programName: string;
  readonly version: string;
  /** Commands that the main file runs itself. */
  readonly otherCommands: readonly ListedCommand[];
  readonly openDcs: (target: DcsTarget) => Promise<Dcs>;
}

/** The command line's world, made of this process. */
export function createCliContext(parts: CliParts): CliContext {
  return {
    ...parts,
    ownVersion: MATRIARCH_VERSION,
    environment: Deno.env.toObject(),
    isMacOs: Deno.build.os === "darwin",
    terminal: new ProcessTerminal(),
    openScreen: openProcessScreen,
    files: new ProcessFiles(),
    clock: new CallClock(),
    random: new SystemRandom(),
    etcdTools: async (config) => {
      const { etcdMemberParts, etcdSupervisor } = await import(
        "./managed_etcd.ts"
      );
      const clock = new CallClock();
      return {
        ...etcdMemberParts(config, clock),
        keep: async (log, signal) => {
          await etcdSupervisor(config, { clock, log })?.run(signal);
        },
      };
    },
    send: sendHttp,
    decodeAnswer: decodeStatus,
    querySql: async (target, text) => {
      const { queryOnce } = await import(
        "../adapters/postgres/session/query_client.ts"
      );
      return await queryOnce(target, text);
    },
    runProgram,
    openNeighbours: async () => {
      const { NeighbourDiscovery } = await import(
        "../adapters/os/ndp_linux.ts"
      );
      return new NeighbourDiscovery(new CallClock());
    },
    openSetup: async () => (await import("./setup.ts")).setupWorld(),
  };
}
