/**
 * Takes a command line apart into options and arguments, the same way for every
 * command and for the daemon: node's `parseArgs` knows groups (`-ki`), values
 * behind `=` and the end at `--`; what a word may mean is decided by the caller.
 */
import { parseArgs } from "node:util";

/** One spelling of an option: `--format`, `-f`. */
export interface Spelling {
  readonly flag: string;
  readonly takes: "value" | "nothing";
}

/** A piece of a command line; `at` is the index of its word. */
export type Piece =
  | { readonly kind: "argument"; readonly text: string; readonly at: number }
  | {
    readonly kind: "option";
    readonly flag: string;
    /** Null: none was given. */
    readonly value: string | null;
    readonly at: number;
  }
  /** An option that nobody knows, as it was typed, without its value. */
  | { readonly kind: "unknown"; readonly flag: string; readonly at: number };

/** The pieces of a command line, in its order. */
export function piecesOf(
  argv: readonly string[],
  spellings: readonly Spelling[],
): readonly Piece[] {
  const flags = new Set(spellings.map(({ flag }) => flag));
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(spellings.map(parserOption)),
    strict: false,
    tokens: true,
  });
  return tokens.flatMap((token): readonly Piece[] => {
    const at = token.index;
    if (token.kind === "option-terminator") return [];
    if (token.kind === "positional") {
      return [{ kind: "argument", text: token.value, at }];
    }
    const { rawName: flag, value = null } = token;
    return flags.has(flag)
      ? [{ kind: "option", flag, value, at }]
      : [{ kind: "unknown", flag, at }];
  });
}

/** `parseArgs` wants a long name for each; a short one's cannot be typed. */
function parserOption({ flag, takes }: Spelling) {
  const type = takes === "value" ? "string" as const : "boolean" as const;
  return flag.startsWith("--")
    ? [flag.slice(2), { type }]
    : [`short ${flag}`, { type, short: flag.slice(1) }];
}
