/** Whether a program can be called by whoever asks. */
import { access, constants, stat } from "node:fs/promises";
import type { ProgramState } from "../../ports/setup.ts";

/** @param path Folders with colons between; not asked where the name has a slash. */
export async function programState(
  name: string,
  path: string,
): Promise<ProgramState> {
  const files = name.includes("/")
    ? [name]
    : path.split(":").map((folder) => `${folder}/${name}`);
  const states = await Promise.all(files.map(stateOf));
  if (states.includes("usable")) return "usable";
  return states.includes("not_executable") ? "not_executable" : "missing";
}

async function stateOf(file: string): Promise<ProgramState> {
  const isFile = await stat(file).then((at) => at.isFile(), () => false);
  if (!isFile) return "missing";
  return await access(file, constants.X_OK)
    .then(() => "usable" as const, () => "not_executable" as const);
}
