/**
 * Consul's program. Debian has it in one suite only (bullseye), so it is
 * unpacked, not installed. `deno run -A tests/helpers/consul_program.ts` gets it
 * where it is missing; what cannot be had makes the tests skip, or, with
 * CI=true, fails.
 */
import { unpackPackage } from "../../scripts/bench/get_patroni.ts";
import { skipReason } from "./skip_reason.ts";

const DIRECTORY = new URL("../../.cache/consul", import.meta.url).pathname;
const UNPACKED = `${DIRECTORY}/usr/bin/consul`;

/** The installed program, or the unpacked one. */
export function consulProgram(): string {
  return isRunnable("consul") ? "consul" : UNPACKED;
}

/** Why tests with Consul cannot run here; null if they can. */
export function consulSkipReason(): string | null {
  return skipReason(consulProgram(), "consul of Debian bullseye");
}

function isRunnable(program: string): boolean {
  try {
    const { success } = new Deno.Command(program, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return success;
  } catch {
    return false;
  }
}

/** Unpacks the program if there is none. */
export async function getConsul(): Promise<void> {
  if (isRunnable("consul") || isRunnable(UNPACKED)) return;
  console.error("tests: unpacking consul of Debian bullseye");
  await unpackPackage("consul", { suite: "bullseye", dir: DIRECTORY });
}

if (import.meta.main) {
  try {
    await getConsul();
  } catch (error) {
    console.error(`tests: Consul cannot be had: ${error}`);
    if (Deno.env.get("CI") === "true") Deno.exit(1);
  }
}
