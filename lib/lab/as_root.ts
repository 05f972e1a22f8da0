/**
 * The lab's second start, under an unprivileged user, when root started it.
 * Where that user cannot read the program (a checkout in root's home), a copy
 * in the lab's directory is started.
 */
import { fileURLToPath } from "node:url";
import { dirname } from "node:path";
import { type SelfCommand, selfCommand } from "../compose/self_command.ts";
import { killMarked, LAB_MARK } from "./processes.ts";
import {
  type Account,
  canRead,
  runAs,
  unprivilegedAccount,
} from "./unprivileged.ts";

/** What a checkout needs to run. */
const PROGRAM_PARTS = [
  "main.ts",
  "deno.json",
  "deno.lock",
  "lib",
  "proxy",
  "node_modules",
];

async function copy(paths: readonly string[], target: string): Promise<void> {
  await Deno.mkdir(target, { recursive: true, mode: 0o755 });
  const { success } = await new Deno.Command("cp", {
    args: ["-a", "--", ...paths, target],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot copy the program to ${target}`);
}

/** The main module of a checkout; null for the one-file program. */
function mainOf(self: SelfCommand): string | null {
  return self.args.find((arg) => arg.endsWith("/main.ts")) ?? null;
}

/** This program as `account` can start it. */
async function readableProgram(
  account: Account,
  directory: string,
): Promise<SelfCommand> {
  const self = selfCommand();
  const main = mainOf(self);
  const files = main === null
    ? [self.command]
    : [self.command, main, fileURLToPath(import.meta.url)];
  if (files.every((file) => canRead(account, file))) return self;
  console.error(`lab: ${account.name} cannot read the program; copying it`);
  const target = `${directory}/program`;
  const root = main === null ? null : dirname(main);
  const parts = root === null ? [] : PROGRAM_PARTS.map((p) => `${root}/${p}`);
  await copy([self.command, ...parts], target);
  const name = self.command.slice(self.command.lastIndexOf("/") + 1);
  return {
    ...self,
    command: `${target}/${name}`,
    args: self.args.map((arg) => arg === main ? `${target}/main.ts` : arg),
  };
}

function chownAll(directory: string, account: Account): void {
  Deno.chownSync(directory, account.uid, account.gid);
  for (const entry of Deno.readDirSync(directory)) {
    const path = `${directory}/${entry.name}`;
    if (!entry.isSymlink) Deno.chownSync(path, account.uid, account.gid);
  }
}

/** What is started again. */
export interface SecondStart {
  readonly directory: string;
  /** The arguments of `lab`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs the lab as an unprivileged user and waits for it.
 *
 * @returns Its exit code.
 */
export async function runLabUnprivileged(start: SecondStart): Promise<number> {
  const { directory } = start;
  const account = unprivilegedAccount();
  console.error(`lab: running as the user ${account.name}, in ${directory}`);
  const program = await readableProgram(account, directory);
  chownAll(directory, account);
  try {
    return await runAs({
      account,
      home: directory,
      command: program.command,
      args: [...program.args, "lab", ...start.args],
      env: { ...program.env, ...start.env, [LAB_MARK]: directory },
    });
  } finally {
    // Also when the second process was killed.
    await killMarked(directory);
  }
}
