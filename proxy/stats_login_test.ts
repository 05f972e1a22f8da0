import assert from "node:assert/strict";
import { isLoggedIn } from "./stats_login.ts";

const LOGIN = { username: "watch", password: "pä:ss" };

function basic(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

Deno.test("isLoggedIn() takes the one login, in any form of the scheme", () => {
  const right = basic("watch:pä:ss");
  assert.equal(isLoggedIn(right, LOGIN), true);
  assert.equal(isLoggedIn(right.replace("Basic", "BASIC"), LOGIN), true);
  assert.equal(isLoggedIn(null, null), true);
  assert.equal(isLoggedIn("Bearer x", null), true);
});

Deno.test("isLoggedIn() takes nothing else", () => {
  const wrong = [
    ...[null, "", "Basic", "Basic ", "Basic !!!", "Bearer watch"],
    ...[basic("watch:pä:s"), basic("watch:"), basic("watch"), basic("")],
    basic("other:pä:ss"),
  ];
  for (const text of wrong) {
    assert.equal(isLoggedIn(text, LOGIN), false, `${text}`);
  }
});
