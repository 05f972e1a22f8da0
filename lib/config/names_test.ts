/** Names that the store, PostgreSQL or the keys' own texts would change. */
import assert from "node:assert/strict";
import { Wanted } from "./fields.ts";
import { memberName, scopeName } from "./names.ts";

const LONG = "n".repeat(64);

/** What is said of a name; null: it is taken. */
function said(type: typeof memberName, name: unknown): string | null {
  const value = type.read(name);
  return value instanceof Wanted ? value.text : null;
}

Deno.test("memberName() refuses what would never be synchronous or never be seen", () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [LONG, /at most 63 bytes: PostgreSQL cuts the application_name/],
    ["n\u00e41", /ASCII characters only: PostgreSQL replaces/],
    ["\u540d", /ASCII/],
    ["a/b", /without \//],
    ["/", /without \//],
    ["n1,n2", /without a comma/],
    ["*", /other than \*/],
    [" n1", /without blanks at its ends/],
    ["n1 ", /without blanks at its ends/],
    ["n1\nn2", /without control characters/],
    ["n1\u001b[2J", /without control characters/],
    ["n1\u202egnp", /ASCII/],
    ["", /not empty/],
    [true, /in quotes/],
    [null, /not empty/],
  ];
  for (const [name, reason] of refused) {
    assert.match(said(memberName, name) ?? "taken", reason, String(name));
  }
  for (
    const name of [
      LONG.slice(1),
      "n1",
      "Node-1.example.org",
      "a b",
      'say "x"',
      "any",
      "n_1:5432",
      7,
    ]
  ) assert.equal(said(memberName, name), null, String(name));
});

Deno.test("scopeName() refuses what would mix the keys of two scopes", () => {
  assert.match(said(scopeName, "a/b") ?? "", /removing another scope/);
  assert.match(said(scopeName, "a\tb") ?? "", /control characters/);
  assert.match(said(scopeName, " a") ?? "", /blanks/);
  assert.match(said(scopeName, "s".repeat(256)) ?? "", /at most 255 bytes/);
  for (const name of ["demo", "batman-15", "s".repeat(255), "\u00e4", 12]) {
    assert.equal(said(scopeName, name), null, String(name));
  }
});
