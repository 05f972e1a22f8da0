/** What the tests of backup programs want of one, and what they share. */
import assert from "node:assert/strict";
import type { AgentMember } from "../helpers/agent_member.ts";
import { skipReason } from "../helpers/skip_reason.ts";

/** Where a recovery ends. */
export interface RecoveryTarget {
  /** A time as PostgreSQL writes it. */
  readonly time: string;
  readonly action: "pause" | "promote";
}

/** A backup program that is set up for one cluster. */
export interface BackupTool {
  /** Becomes the name of its section in the configuration. */
  readonly name: string;
  /** For the agent and all it starts. */
  readonly environment: Readonly<Record<string, string>>;
  archiveCommand(member: AgentMember): string;
  /** Settings of a standby; empty: those that the program writes are enough. */
  readonly recoveryConf: Readonly<Record<string, string>>;
  /** Takes a backup of a running primary. */
  backUp(leader: AgentMember): Promise<void>;
  /** After WAL was archived, before anybody restores. */
  collectWal(): Promise<void>;
  /**
   * One command without quotes of a shell that fills a data directory.
   *
   * @param target Null: all that there is.
   */
  restore(member: AgentMember, target: RecoveryTarget | null): Promise<string>;
}

/** Which program of which package. */
export type Program = readonly [program: string, packageName: string];

/** Why a test of these cannot run here; null if it can. */
export function missing(programs: readonly Program[]): string | null {
  const reasons = programs.map(([program, name]) => skipReason(program, name));
  return reasons.find((reason) => reason !== null) ?? null;
}

/** Runs a line of a shell; what it wrote. */
export async function shell(
  line: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", line],
    env: { ...env },
  }).output();
  const text = new TextDecoder();
  const out = text.decode(stdout);
  assert.ok(success, `${line}\n${out}${text.decode(stderr)}`);
  return out;
}

/** An executable script; its path has no blanks, so it is a command as it is. */
export async function script(path: string, lines: string): Promise<string> {
  await Deno.writeTextFile(path, `#!/bin/sh\nset -e\n${lines}\n`);
  await Deno.chmod(path, 0o755);
  return path;
}
