import assert from "node:assert/strict";
import { Wanted } from "../fields.ts";
import { fencing } from "./fencing.ts";

Deno.test("fencing section: what is left out, and what is given", () => {
  assert.deepEqual(fencing.read({}), {
    ...{ command: null, timeoutMs: 20_000, retries: 2, hourlyLimit: 6 },
  });
  const given = {
    command: "fence_virsh -n '{member}' -o off",
    ...{ timeout: "1min", retries: 0, hourly_limit: 1 },
  };
  assert.deepEqual(fencing.read(given), {
    command: ["fence_virsh", "-n", "{member}", "-o", "off"],
    ...{ timeoutMs: 60_000, retries: 0, hourlyLimit: 1 },
  });
});

Deno.test("fencing section: the words of a list are as they are", () => {
  const command = ["sh", "-c", "a; b 'c d'", ""];
  const read = fencing.read({ command });
  assert.ok(!(read instanceof Wanted));
  assert.deepEqual(read.command, command);
});

Deno.test("fencing section: what is wrong is refused", () => {
  const wrong: readonly Readonly<Record<string, unknown>>[] = [
    ...["", "  ", "a 'b", [], [""], ["a", 7], { a: 1 }].map((command) => ({
      command,
    })),
    ...[0, 0.5, 601, "soon"].map((timeout) => ({ command: "a", timeout })),
    ...[-1, 11, "x"].map((retries) => ({ command: "a", retries })),
    ...[0, 21].map((hourly_limit) => ({ command: "a", hourly_limit })),
  ];
  for (const section of wrong) {
    const read = fencing.read(section);
    assert.ok(read instanceof Wanted, Deno.inspect([section, read]));
  }
});
