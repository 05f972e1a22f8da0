/** What the keys of `top` do: plain decisions about pages and lines. */

/** The pages. */
export type TopPage = "members" | "details" | "explain" | "history";

/** Where somebody is. */
export interface TopPlace {
  readonly page: TopPage;
  /** The first line of the body that is wanted; more than there are: the last. */
  readonly offset: number;
}

/** What a key asks for. */
export type Pressed =
  | { readonly kind: "place"; readonly place: TopPlace }
  | { readonly kind: "switchover" }
  | { readonly kind: "quit" };

const PAGES: ReadonlyMap<string, TopPage> = new Map([
  ["m", "members"],
  ["escape", "members"],
  ["d", "details"],
  ["e", "explain"],
  ["h", "history"],
]);

/** Sequences that terminals send, and what they are called here. */
const SEQUENCES: ReadonlyMap<string, string> = new Map([
  ["[A", "up"],
  ["OA", "up"],
  ["[B", "down"],
  ["OB", "down"],
  ["[5~", "page up"],
  ["[6~", "page down"],
  ["[H", "home"],
  ["[1~", "home"],
  ["OH", "home"],
  ["[F", "end"],
  ["[4~", "end"],
  ["OF", "end"],
]);

const CONTROLS: ReadonlyMap<string, string> = new Map([
  ["\x03", "interrupt"],
  ["\x04", "interrupt"],
  [" ", "page down"],
  ["j", "down"],
  ["k", "up"],
]);

/** An escape, then `[` or `O`, parameters, and one character that ends it. */
// deno-lint-ignore no-control-regex -- what terminals send begins with one
const SEQUENCE = /^\x1b([[O][0-9;]{0,16}[A-Za-z~])/;

/**
 * The keys in what a terminal sent, each by its character or its name.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(keysIn("e\u001b[6~\u001b"), ["e", "page down", "escape"]);
 * ```
 */
export function keysIn(text: string): readonly string[] {
  const keys: string[] = [];
  let rest = text;
  while (rest !== "") {
    const sequence = SEQUENCE.exec(rest.slice(0, 20))?.[1];
    if (sequence !== undefined) {
      // A key that we do not know is none, and certainly no letter.
      keys.push(SEQUENCES.get(sequence) ?? "unknown");
      rest = rest.slice(1 + sequence.length);
      continue;
    }
    const [character = ""] = rest;
    keys.push(
      character === "\x1b" ? "escape" : CONTROLS.get(character) ?? character,
    );
    rest = rest.slice(character.length);
  }
  return keys;
}

/**
 * What `key` asks for in `place`.
 *
 * @param room Lines of the body that are shown at a time.
 */
export function pressed(key: string, place: TopPlace, room: number): Pressed {
  if (key === "q" || key === "interrupt") return { kind: "quit" };
  if (key === "s") return { kind: "switchover" };
  const page = PAGES.get(key);
  if (page !== undefined) return { kind: "place", place: { page, offset: 0 } };
  const offset = offsetAfter(key, place.offset, room);
  return {
    kind: "place",
    place: { ...place, offset: Math.max(0, offset) },
  };
}

function offsetAfter(key: string, offset: number, room: number): number {
  switch (key) {
    case "up":
      return offset - 1;
    case "down":
      return offset + 1;
    case "page up":
      return offset - Math.max(1, room);
    case "page down":
      return offset + Math.max(1, room);
    case "home":
      return 0;
    case "end":
      return Infinity;
    default:
      return offset;
  }
}
