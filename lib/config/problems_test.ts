import assert from "node:assert/strict";
import { redactText } from "./secrets.ts";
import { configErrorOf, formatProblem } from "./problems.ts";

Deno.test("configErrorOf() lists all problems, one per line", () => {
  const error = configErrorOf([
    { path: "scope", value: undefined, wanted: "a text" },
    { path: "restapi.listen", value: "x", wanted: "<HOST>:<PORT>" },
  ]);
  assert.equal(
    error.message,
    "The configuration has 2 problems:\n" +
      "  scope is missing, wanted a text\n" +
      '  restapi.listen: got "x", wanted <HOST>:<PORT>',
  );
  assert.equal(error.problems.length, 2);
});

Deno.test("formatProblem() masks secrets and shortens long values", () => {
  const text = formatProblem({
    path: "postgresql.authentication.superuser.password",
    value: true,
    wanted: "a text",
  });
  assert.match(text, /got "\*\*\*"\), wanted a text$/);
  assert.equal(redactText(text), text, "the log must not garble it");
  const nested = formatProblem({
    path: "ctl",
    value: [{ password: "hunter2" }, "x".repeat(500)],
    wanted: "a map",
  });
  assert.equal(nested.includes("hunter2"), false);
  assert.ok(nested.length < 200);
});
