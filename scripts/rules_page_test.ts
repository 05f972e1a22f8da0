import assert from "node:assert/strict";
import { rulesPage } from "./rules_page.ts";

Deno.test("rulesPage() gives every row one line under its section", () => {
  const page = rulesPage([
    {
      name: "Leader",
      question: "The DCS answers and the leader is this member.",
      rules: [
        {
          id: "R300",
          why: "A lost lease | is lost.",
          decides: ["wait a", "wait b", "stop c"],
        },
        { id: "R390", why: "All is\n well.", decides: ["wait d"] },
      ],
    },
    { name: "Race", question: "Nobody leads.", rules: [] },
  ]);
  assert.match(page, /^# The rules\n/);
  assert.match(page, /\n## Leader\n\nThe DCS answers and the leader is this/);
  assert.match(
    page,
    /\n\| R300 \| A lost lease \\\| is lost\. \| `wait` a, b; `stop` c \|\n/,
  );
  assert.match(page, /\n\| R390 \| All is well\. \| `wait` d \|\n\n## Race\n/);
});
