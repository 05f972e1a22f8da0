/** Where fencing programs are looked for. */
import process from "node:process";
import { programPath } from "../../core/base/program_path.ts";

/** The agent's PATH and what it may lack. */
export function fencingPath(): string {
  return programPath(process.env["PATH"]);
}
