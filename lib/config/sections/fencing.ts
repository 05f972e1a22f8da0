/** Section `fencing`, ours: the program that ends the host of a lost leader. */
import { Wanted } from "../fields.ts";
import {
  type KeyMap,
  section,
  type SectionOf,
  type ValueType,
} from "../keys/key.ts";
import { changed, command, durationMs, integer } from "../keys/types.ts";

const TIMEOUT_MS = { min: 1_000, max: 600_000 } as const;

/** A text is split as a shell would; the words of a list are as they are. */
const words: ValueType<readonly string[]> = {
  ...command,
  read: (value) => {
    if (!Array.isArray(value)) return command.read(value);
    const isUsable = value.length > 0 && value[0] !== "" &&
      value.every((word) => typeof word === "string");
    return isUsable ? value : new Wanted("a command, or the list of its words");
  },
};

/** The keys of the section. */
export const FENCING_KEYS = {
  command: {
    type: words,
    meaning:
      "Ours: command that ends the host of a leader that seems to be lost, and exits with 0 only if it is off; {member}, {address}, {scope} and {by} are put in; none: nobody is fenced",
  },
  timeout: {
    type: changed(
      durationMs,
      (ms) =>
        ms >= TIMEOUT_MS.min && ms <= TIMEOUT_MS.max
          ? ms
          : new Wanted("seconds from 1 to 600"),
    ),
    field: "timeoutMs",
    fallback: 20,
    meaning: "Ours: seconds after which a run of it is killed",
  },
  retries: {
    type: integer({ min: 0, max: 10 }),
    fallback: 2,
    meaning: "Ours: runs after one that failed, against the same leader",
  },
  hourly_limit: {
    type: integer({ min: 1, max: 20 }),
    fallback: 6,
    meaning:
      "Ours: runs within an hour, by whatever member, after which this one fences nobody",
  },
} as const satisfies KeyMap;

/** Section `fencing`. */
export type FencingConfig = SectionOf<typeof FENCING_KEYS>;

/** Reads the section. */
export const fencing = section(FENCING_KEYS);
