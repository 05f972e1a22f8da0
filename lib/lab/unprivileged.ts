/**
 * A lab started as root runs as somebody else: PostgreSQL refuses root. The
 * whole program is started again under an unprivileged user, in a directory
 * that was prepared for it; the first process only waits and forwards signals.
 */
import type { CommandLine } from "./processes.ts";

/** An account of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The accounts a lab may run as, the best first. */
const NAMES = ["postgres", "matriarch"] as const;

function findAccount(name: string): Account | null {
  const lines = Deno.readTextFileSync("/etc/passwd").split("\n");
  const fields = lines.find((l) => l.startsWith(`${name}:`))?.split(":");
  if (fields === undefined) return null;
  return { name, uid: Number(fields[2]), gid: Number(fields[3]) };
}

function createAccount(name: string): Account {
  console.error(`lab: creating the system user ${name}`);
  const { success, stderr } = new Deno.Command("useradd", {
    args: ["--system", "--user-group", "--no-create-home", name],
  }).outputSync();
  const account = findAccount(name);
  if (success && account !== null) return account;
  const why = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot create the system user ${name}: ${why}`);
}

/** The user a lab of root runs as: `postgres` of the distribution, else one of our own. */
export function unprivilegedAccount(): Account {
  for (const name of NAMES) {
    const account = findAccount(name);
    if (account !== null) return account;
  }
  return createAccount("matriarch");
}

/** Whether `account` can read the file (and enter all folders above it). */
export function canRead(account: Account, path: string): boolean {
  return new Deno.Command("/bin/sh", {
    args: ["-c", 'test -r "$1"', "sh", path],
    uid: account.uid,
    gid: account.gid,
    cwd: "/",
  }).outputSync().success;
}

/** What to run as `account`. */
export interface RunAs extends CommandLine {
  readonly account: Account;
  /** Belongs to the account; becomes its home and holds Deno's caches. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a program as another user with this terminal; SIGINT and SIGTERM are
 * forwarded.
 *
 * @returns Its exit code.
 */
export async function runAs(run: RunAs): Promise<number> {
  const child = new Deno.Command(run.command, {
    args: [...run.args],
    uid: run.account.uid,
    gid: run.account.gid,
    cwd: run.home,
    env: {
      ...run.env,
      HOME: run.home,
      DENO_DIR: `${run.home}/.deno`,
      USER: run.account.name,
      // Root's may be closed to others.
      TMPDIR: run.home,
    },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const signals: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const forwards = signals.map((signal) => {
    const forward = (): void => {
      try {
        child.kill(signal);
      } catch {
        // It has ended; its status is on the way.
      }
    };
    Deno.addSignalListener(signal, forward);
    return { signal, forward };
  });
  const { code } = await child.status;
  for (const { signal, forward } of forwards) {
    Deno.removeSignalListener(signal, forward);
  }
  return code;
}
