/**
 * Names that more than YAML must be able to carry: a member's is a key in the
 * store, an application_name, an entry of synchronous_standby_names and of the
 * sync key; a scope's is a folder of keys. What one of them silently changes is
 * refused, because the member would look healthy and never be synchronous, or
 * lead and stand in no list.
 */
import { NOBODY } from "../core/calc/sync/standby_names.ts";
import { Wanted } from "./fields.ts";
import type { ValueType } from "./keys/key.ts";
import { changed, text } from "./keys/types.ts";

/** PostgreSQL cuts an application_name to NAMEDATALEN - 1 bytes. */
const MEMBER_NAME_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;

/** What refuses a name, and why; the first that fits is told. */
interface Hindrance {
  readonly isMet: (name: string) => boolean;
  readonly wanted: string;
}

const SLASH: Hindrance = {
  isMet: (name) => name.includes("/"),
  wanted: "a name without /, which parts the keys in the store",
};

const CONTROL: Hindrance = {
  // deno-lint-ignore no-control-regex -- control characters are the subject
  isMet: (name) => /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(name),
  wanted: "a name without control characters",
};

const EDGES: Hindrance = {
  isMet: (name) => name !== name.trim(),
  wanted: "a name without blanks at its ends",
};

const MEMBER_HINDRANCES: readonly Hindrance[] = [
  SLASH,
  CONTROL,
  EDGES,
  {
    isMet: (name) => /[^\x20-\x7e]/.test(name),
    wanted: "a name of ASCII characters only: PostgreSQL replaces others in " +
      "the application_name, so this member would never be synchronous",
  },
  {
    isMet: (name) => name.length > MEMBER_NAME_BYTES_MAX,
    wanted: `a name of at most ${MEMBER_NAME_BYTES_MAX} bytes: PostgreSQL ` +
      "cuts the application_name there, so this member would never be " +
      "synchronous",
  },
  {
    isMet: (name) => name.includes(","),
    wanted: "a name without a comma, which parts the names in the sync key",
  },
  {
    isMet: (name) => name === "*",
    wanted: "a name other than *, which means every standby in " +
      "synchronous_standby_names",
  },
  {
    isMet: (name) => name.toLowerCase() === NOBODY,
    wanted: "another name: strict synchronous mode uses this one for nobody",
  },
];

const SCOPE_HINDRANCES: readonly Hindrance[] = [
  {
    ...SLASH,
    wanted: "a name without /, which parts the keys in the store: removing " +
      "another scope could take this one's keys along",
  },
  CONTROL,
  EDGES,
  {
    isMet: (name) => new TextEncoder().encode(name).length > NAME_BYTES_MAX,
    wanted: `a name of at most ${NAME_BYTES_MAX} bytes`,
  },
];

/** The name of a member. */
export const memberName: ValueType<string> = changed(
  text,
  withoutAny(MEMBER_HINDRANCES),
);

/** The name of a cluster. */
export const scopeName: ValueType<string> = changed(
  text,
  withoutAny(SCOPE_HINDRANCES),
);

function withoutAny(
  hindrances: readonly Hindrance[],
): (name: string) => string | Wanted {
  return (name) => {
    const found = hindrances.find(({ isMet }) => isMet(name));
    return found === undefined ? name : new Wanted(found.wanted);
  };
}
