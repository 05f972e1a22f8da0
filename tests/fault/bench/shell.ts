/** Runs small programs of the host to their end. */
import assert from "node:assert/strict";

/** Runs a program; its standard output. Fails the test unless it ends with 0. */
export async function shell(words: readonly string[]): Promise<string> {
  const result = await tryShell(words);
  assert.equal(result.code, 0, `${words.join(" ")}: ${result.error}`);
  return result.output;
}

/** Runs a program that may fail. */
export async function tryShell(words: readonly string[]): Promise<{
  readonly code: number;
  readonly output: string;
  readonly error: string;
}> {
  const [program = "", ...args] = words;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout), error: text.decode(stderr) };
}

/** Whether there is such a program. */
export function hasProgram(program: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}
