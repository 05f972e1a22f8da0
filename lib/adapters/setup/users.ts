/** The system's users. */
import type { FileOwner } from "../../ports/setup.ts";

const PROGRAM_MAX_MS = 5_000;
/** It waits for whoever else changes users. */
const MAKE_MAX_MS = 60_000;

/** By whatever the host asks for its users; null: there is none of that name. */
export async function userNamed(user: string): Promise<FileOwner | null> {
  const [uid, gid] = await Promise.all(
    ["-u", "-g"].map((flag) => outputOf("id", [flag, "--", user])),
  );
  const isBoth = /^\d+$/.test(uid ?? "") && /^\d+$/.test(gid ?? "");
  return isBoth ? { uid: Number(uid), gid: Number(gid) } : null;
}

/**
 * Makes a user of the system that nobody can log in as.
 *
 * @param home Not made.
 * @throws {Error} If it cannot.
 */
export async function makeUser(name: string, home: string): Promise<FileOwner> {
  const found = await userNamed(name);
  if (found !== null) return found;
  const why = await useradd([
    ...["--system", "--user-group", "--no-create-home", "--home-dir", home],
    ...["--shell", "/usr/sbin/nologin", "--", name],
  ]);
  const made = await userNamed(name);
  if (made !== null) return made;
  throw new Error(
    `Cannot make the user ${name} (${why}): make it by hand, or name another ` +
      "one by --user",
  );
}

async function useradd(args: readonly string[]): Promise<string> {
  try {
    const { stderr } = await new Deno.Command("useradd", {
      args: [...args],
      stdin: "null",
      signal: AbortSignal.timeout(MAKE_MAX_MS),
    }).output();
    return new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What a program says; null: it failed. */
export async function outputOf(
  program: string,
  args: readonly string[],
): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(PROGRAM_MAX_MS),
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch {
    return null;
  }
}
