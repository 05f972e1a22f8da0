/** What setting a host up came to. */
import type { SetupFile } from "../ports/setup.ts";

/** The end of `init` or `join`. */
export type SetupOutcome =
  | Refused
  | {
    readonly kind: "planned";
    readonly files: readonly SetupFile[];
    readonly notes: readonly string[];
  }
  | {
    readonly kind: "done";
    readonly name: string;
    readonly scope: string;
    /** All was there before this call. */
    readonly isRepeated: boolean;
    /** For the next hosts, one each. */
    readonly tokens: readonly string[];
    readonly notes: readonly string[];
  };

/** The end of `init`. */
export type InitOutcome = SetupOutcome | ToAgree;

/** What will be done to a server that is there; nothing has been. */
export interface ToAgree {
  readonly kind: "to_agree";
  readonly steps: string;
}

/** Everything that is in the way, each a sentence. */
export interface Refused {
  readonly kind: "refused";
  readonly problems: readonly string[];
}

/** With these in the way. */
export function refused(...problems: readonly string[]): Refused {
  return { kind: "refused", problems };
}
