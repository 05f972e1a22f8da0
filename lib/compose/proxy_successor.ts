/**
 * Another process of this program that takes a stand-alone proxy's place: from
 * the file that stands there now, so after an upgrade the new version.
 */
import type { Clock } from "../ports/clock.ts";
import { EDITION_VARIABLE } from "./proxy_edition.ts";
import { type SelfCommand, selfCommand } from "./self_command.ts";

/** How often a process is looked at that is nobody's child here. */
const LOOK_MS = 100;

/**
 * A service manager kills a main process that is not its own child without
 * waiting for its end. The child of a process that has ended becomes its child.
 */
const GIVEN_AWAY = 'exec "$@" >&2 & echo $!';

/** What to start it with. */
interface SuccessorParts {
  /** The configuration, as given; null: the environment is. */
  readonly configPath: string | null;
  /** As this process was started. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/** The process. */
export interface Successor {
  readonly pid: number;
  /** Its exit code, 128 and more for a signal; null: it is not known. Never rejects. */
  readonly ended: Promise<number | null>;
  /** Sent if it still runs. */
  signal(name: "SIGTERM" | "SIGHUP" | "SIGUSR2"): void;
}

/** Starts it as a child of this process; it looks for the running proxy by itself. */
export function startSuccessor(parts: SuccessorParts): Successor {
  const self = selfCommand();
  const child = new Deno.Command(self.command, {
    args: argsOf(self, parts),
    env: envOf(self, parts),
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
    detached: true,
  }).spawn();
  child.unref();
  return {
    pid: child.pid,
    ended: child.status.then(({ code }) => code),
    signal: (name) => signalTo(child.pid, name),
  };
}

/**
 * Starts it as a child of the service manager.
 *
 * @throws {Error} If it cannot be started.
 */
export async function giveSuccessor(parts: SuccessorParts): Promise<Successor> {
  const self = selfCommand();
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", GIVEN_AWAY, "sh", self.command, ...argsOf(self, parts)],
    env: envOf(self, parts),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    detached: true,
  }).output();
  const pid = Number(new TextDecoder().decode(stdout));
  if (!Number.isInteger(pid) || pid < 1) {
    throw new Error("Cannot start another process of this program");
  }
  return {
    pid,
    ended: gone(pid, parts.clock),
    signal: (name) => signalTo(pid, name),
  };
}

/** Another one as soon as the program's file was replaced; null: it cannot be looked at. */
export function programMark(): string | null {
  try {
    const { dev, ino, mtime, size } = Deno.statSync(selfCommand().command);
    return `${dev} ${ino} ${size} ${mtime?.getTime()}`;
  } catch {
    return null;
  }
}

function argsOf(
  { args }: SelfCommand,
  { configPath }: SuccessorParts,
): string[] {
  return [...args, "proxy", ...(configPath === null ? [] : [configPath])];
}

function envOf(
  self: SelfCommand,
  { env }: SuccessorParts,
): Record<string, string> {
  return {
    ...{ ...env, ...self.env },
    // One that any running proxy lets in, unlike one that is started by hand.
    [EDITION_VARIABLE]: crypto.randomUUID(),
  };
}

async function gone(pid: number, clock: Clock): Promise<null> {
  while (isThere(pid)) await clock.sleep(LOOK_MS);
  return null;
}

function isThere(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}

function signalTo(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // It has ended.
  }
}
