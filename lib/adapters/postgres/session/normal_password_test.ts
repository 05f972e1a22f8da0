import assert from "node:assert/strict";
import { normalPassword } from "./normal_password.ts";

const CASES: readonly (readonly [string, string, string])[] = [
  ["plain ASCII stays", "a b\u0001c", "a b\u0001c"],
  ["a half", "1\u00bd", "11\u20442"],
  ["a no-break space", "a\u00a0b", "a b"],
  ["combining accents", "e\u0301", "\u00e9"],
  ["a soft hyphen goes", "a\u00adb", "ab"],
  ["what is forbidden is used as it is", "\u0007\u00e9", "\u0007\u00e9"],
  ["what Unicode 3.2 does not know, too", "\u{1f600}\u00bd", "\u{1f600}\u00bd"],
];

for (const [what, password, expected] of CASES) {
  Deno.test(`normalPassword(): ${what}`, async () => {
    assert.equal(await normalPassword(password), expected);
  });
}
