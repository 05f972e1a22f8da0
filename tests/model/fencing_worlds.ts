/** How much may happen in each explored world of fencing. */
import type { FencingBudget } from "./fencing_state.ts";

/** Nothing but silence, claims, commands that work, and takes. */
export const CALM: FencingBudget = {
  ...{ reboots: 0, crashes: 0, failures: 0, lost: 0 },
  ...{ heard: 0, silences: 0, stops: 0, termMax: 2 },
};

/** For the suite. */
export const SMALL_FENCING: readonly (readonly [string, FencingBudget])[] = [
  ["two members claim at once", CALM],
  ["the fenced host is back", { ...CALM, reboots: 1, termMax: 3 }],
  ["an answer is lost", { ...CALM, lost: 1 }],
  ["commands fail", { ...CALM, failures: 2 }],
  ["an owner is silent", { ...CALM, silences: 1, crashes: 1 }],
  ["the lease ends", { ...CALM, stops: 1, failures: 1, termMax: 3 }],
];

/** For `deno task test:model`. */
export const LARGE_FENCING: readonly (readonly [string, FencingBudget])[] = [
  ["everything once, three terms", {
    ...{ reboots: 1, crashes: 1, failures: 1, lost: 1 },
    ...{ heard: 1, silences: 1, stops: 1, termMax: 3 },
  }],
  ["an answer is lost, the fenced host is back", {
    ...{ ...CALM, lost: 1, reboots: 1, termMax: 3 },
  }],
  ["hosts come back, answers are lost, four terms", {
    ...{ ...CALM, reboots: 2, lost: 2, termMax: 4 },
  }],
];
