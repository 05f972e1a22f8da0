/**
 * Programs that fill a data directory carry its path in their environment, so
 * that a later agent finds and ends what an earlier one left.
 */
import type { PostgresContext } from "../options.ts";
import {
  pidsWithEnvironment,
  processFacts,
  sendSignal,
} from "../process/processes.ts";
import type { FillMarks } from "./fill_marks.ts";

/** By this its programs are found, however long their parents are dead. */
const FILLER_VARIABLE = "MATRIARCH_FILLS";

/** What programs that fill the directory must have in their environment. */
export function fillerEnv(dataDir: string): Readonly<Record<string, string>> {
  return { [FILLER_VARIABLE]: dataDir };
}

/**
 * Ends the program that an agent before us left filling the directory, and
 * whatever that program had started.
 */
export async function endLeftoverProgram(
  { options, clock }: PostgresContext,
  marks: FillMarks,
): Promise<void> {
  const { pid = 0, startTicks = 0 } = (await marks.read())?.marker ??
    {};
  if (pid && startTicks) {
    while ((await processFacts(pid))?.startTicks === startTicks) {
      sendSignal(-pid, "SIGKILL");
      await clock.sleep(20);
    }
  }
  const entry = `${FILLER_VARIABLE}=${options.dataDir}`;
  for (;;) {
    const left = await pidsWithEnvironment(entry);
    if (left.length === 0) return;
    for (const each of left) sendSignal(each, "SIGKILL");
    await clock.sleep(20);
  }
}
