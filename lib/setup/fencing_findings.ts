/**
 * What is wrong with the program that would end a lost leader's host. It is
 * needed on one day only, and nobody looks at it before: so it is asked whether
 * it is there, whether it could end in time, and what it said last.
 */
import { decodeSettings } from "../core/codec/settings_codec.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { PastFencing } from "../core/model/fencing.ts";
import type { ProgramState } from "../ports/setup.ts";
import type { Finding } from "./finding.ts";

/** A fencing command as this host's configuration has it. */
export interface FencingFacts {
  /** The first word of the command. */
  readonly program: string;
  readonly state: ProgramState;
  readonly timeoutMs: number;
}

/** One sentence and one remedy for each thing. Without a command the outcome of others' runs is still told. */
export function fencingFindings(
  fencing: FencingFacts | null,
  view: ClusterView | null,
): readonly Finding[] {
  return [
    ...(fencing === null ? [] : programFindings(fencing)),
    ...(fencing === null || view === null ? [] : timeFindings(fencing, view)),
    ...(view === null ? [] : runFindings(view)),
  ];
}

function programFindings(
  { program, state }: FencingFacts,
): readonly Finding[] {
  switch (state) {
    case "usable":
      return [];
    case "missing":
      return [warning(
        `The fencing command cannot be run: there is no program ${program}`,
        "install it, or give its whole path as the first word of fencing.command",
      )];
    case "not_executable":
      return [warning(
        `The fencing command cannot be run: ${program} may not be executed`,
        `chmod +x ${program}, for the user that the agent runs as`,
      )];
  }
}

function timeFindings(
  { timeoutMs }: FencingFacts,
  { config }: ClusterView,
): readonly Finding[] {
  const { ttlMs, takeover } = decodeSettings(config?.document ?? null);
  const isTooLong = timeoutMs >= ttlMs;
  return [
    ...(takeover === null
      ? [warning(
        "There is a fencing command, but takeover is off: nobody is fenced",
        "matriarch edit-config --set takeover=on, or take the section fencing away",
      )]
      : []),
    ...(isTooLong
      ? [warning(
        `fencing.timeout (${timeoutMs / 1000} s) is not below the ttl (${
          ttlMs / 1000
        } s): a lost leader's lease ends before the command may`,
        "a shorter fencing.timeout, or a longer ttl",
      )]
      : []),
  ];
}

/** Of the last run, whoever made it; one that is under way has said nothing yet. */
function runFindings({ fencing }: ClusterView): readonly Finding[] {
  const last = fencing?.past.at(-1);
  if (last === undefined || last.result === "done") return [];
  if (fencing?.claim?.state === "claimed") return [];
  return [warning(
    `${sayRun(last)} ${
      last.result === "failed"
        ? "has failed"
        : "has not said whether the host was off"
    }`,
    `the log of ${last.by} has what it said; run it by hand against ${last.host}`,
  )];
}

function sayRun({ by, host, atMs }: PastFencing): string {
  const at = new Date(atMs);
  const when = Number.isNaN(at.getTime()) ? "" : ` at ${at.toISOString()}`;
  return `The last fencing command, by ${by} against ${host}${when},`;
}

function warning(sentence: string, remedy: string): Finding {
  return { level: "warning", sentence, remedy };
}
