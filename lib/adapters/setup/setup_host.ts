/** This host, for whoever sets it up: its facts, its files, its service, its chance. */
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import type {
  FileOwner,
  HostFacts,
  HostQuestion,
  ProgramState,
  SetupHost,
  SetupService,
} from "../../ports/setup.ts";
import { timerMs } from "../../core/base/units.ts";
import { lookAround } from "./facts.ts";
import { HostFiles } from "./files.ts";
import { programState } from "./program_state.ts";
import { HostServers } from "./servers.ts";
import { isActive, systemctl } from "./systemctl.ts";
import { makeUser } from "./users.ts";

/** {@link SetupHost} on this host. */
export class ThisHost implements SetupHost {
  readonly files: HostFiles = new HostFiles();
  readonly service: SetupService = { start, stop };
  readonly servers: HostServers = new HostServers();

  facts(question: HostQuestion): Promise<HostFacts> {
    return lookAround(question);
  }

  programState(name: string, path: string): Promise<ProgramState> {
    return programState(name, path);
  }

  makeUser(name: string, home: string): Promise<FileOwner> {
    return makeUser(name, home);
  }

  randomText(bytes: number): string {
    return Buffer.from(randomBytes(bytes)).toString("base64url");
  }

  hash(text: string): string {
    return createHash("sha256").update(text).digest("hex");
  }

  wallTimeMs(): number {
    return Date.now();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, timerMs(ms)));
  }
}

async function start(unit: string): Promise<void> {
  await systemctl("daemon-reload");
  if (await isActive(unit)) return await systemctl("reload", unit);
  // The agent says that it is ready as soon as it listens; nobody waits for that.
  await systemctl("enable", "--now", "--no-block", unit);
}

async function stop(unit: string): Promise<void> {
  await systemctl("disable", "--now", unit);
}
