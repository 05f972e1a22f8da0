import assert from "node:assert/strict";
import { Wanted } from "../config/fields.ts";
import { readStore } from "../config/stores/all.ts";
import { parseDcsUrl } from "./dcs_url.ts";

Deno.test("-d names a region or an address, and may name the table", () => {
  const sectionOf = (url: string) => parseDcsUrl(url).section;
  const at = (endpoint: string) => ({ endpoint, region: "local" });
  for (
    const [url, wanted] of [
      ["dynamodb://", {}],
      ["dynamodb://eu-central-1", { region: "eu-central-1" }],
      ["dynamodb://eu-central-1/ns", { region: "eu-central-1" }],
      ["dynamodb://scopes@eu-west-1", {
        ...{ table: "scopes", region: "eu-west-1" },
      }],
      ["dynamodb://scopes@", { table: "scopes" }],
      ["dynamodb://127.0.0.1:8000", at("http://127.0.0.1:8000")],
      ["dynamodb://[::1]:8000", at("http://[::1]:8000")],
      ["dynamodb://localhost:8000/ns", at("http://localhost:8000")],
    ] as const
  ) {
    assert.deepEqual(sectionOf(url), wanted, url);
  }
  assert.equal(parseDcsUrl("dynamodb://eu-west-1/ns").namespace, "/ns");
  const odd = readStore({ dynamodb: sectionOf("dynamodb://a b") });
  assert.ok(odd instanceof Wanted);
});
