import assert from "node:assert/strict";
import { RestBench } from "../../tests/helpers/rest_app.ts";
import { isForeignPage } from "./foreign_page.ts";

const NO_PAGE = { origin: null, host: "10.0.0.1:8008", fetchSite: null };

Deno.test("isForeignPage() lets programs and own pages pass, no other page", () => {
  const cases = [
    [{}, false],
    [{ origin: "http://10.0.0.1:8008" }, false],
    [{ origin: "http://10.0.0.1:8008", fetchSite: "same-origin" }, false],
    [{ origin: "http://db1:8008", host: "DB1:8008" }, false],
    [{ origin: "http://[::1]:8008", host: "[::1]:8008" }, false],
    [{ fetchSite: "none" }, false],
    [{ origin: "http://10.0.0.1" }, true],
    [{ origin: "http://evil.example" }, true],
    [{ origin: "null" }, true],
    [{ origin: "" }, true],
    [{ origin: "http://10.0.0.1:8008", host: null }, true],
    [{ fetchSite: "cross-site" }, true],
    [{ fetchSite: "same-site" }, true],
    [{ origin: "http://10.0.0.1:8008", fetchSite: "cross-site" }, true],
    // Rebound to our address by its owner.
    [{ origin: "http://evil.example:8008", host: "evil.example:8008" }, true],
  ] as const;
  for (const [headers, expected] of cases) {
    const found = isForeignPage({ ...NO_PAGE, ...headers }, ["db1"]);
    assert.equal(found, expected, JSON.stringify(headers));
  }
});

Deno.test("an unsafe request of a foreign page is refused before anything else", async () => {
  const bench = new RestBench();
  const lines = ["PATCH /config", "POST /switchover", "DELETE /restart"];
  for (const line of lines) {
    const { status, text } = await bench.ask(line, {
      headers: { origin: "http://evil.example", "content-type": "text/plain" },
    });
    assert.equal(status, 403, line);
    assert.equal(text, "Requests of pages of other sites are refused");
  }
  const look = await bench.ask("GET /cluster", {
    headers: { origin: "http://evil.example" },
  });
  assert.equal(look.status, 200);
});
