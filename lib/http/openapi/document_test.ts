/** The OpenAPI document against the application that it describes. */
import assert from "node:assert/strict";
import * as z from "zod";
import { RestBench } from "../../../tests/helpers/rest_app.ts";
import { failsafeBody, restartBody } from "../schemas.ts";
import { openApiDocument } from "./document.ts";
import type { Endpoint } from "./endpoint.ts";
import { ENDPOINTS } from "./endpoints.ts";

function lineOf({ method, path }: Endpoint): string {
  return `${method.toUpperCase()} ${path}`;
}

/** Of the page one route of the application serves all paths. */
function routeOf(endpoint: Endpoint): string {
  const { method, path } = endpoint;
  return path.startsWith("/ui/")
    ? `${method.toUpperCase()} /ui`
    : lineOf(endpoint);
}

/** What stands in a document under a path of keys; undefined: nothing. */
function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((inner, key) => Object(inner)[key], value);
}

/** A part of one operation, as a reader of the document sees it. */
function operationAt(line: string, ...keys: readonly string[]): unknown {
  const [method = "", path = ""] = line.split(" ");
  const document = openApiDocument("4.1.4");
  return at(document, "paths", path, method.toLowerCase(), ...keys);
}

const SCHEMA = ["requestBody", "content", "application/json", "schema"];

Deno.test("openapi: it has every route of the application, and no other", () => {
  const { routes } = new RestBench().app;
  const served = new Set(
    routes.filter(({ method, path }) => method !== "ALL" && !path.includes("*"))
      .map(({ method, path }) => `${method} ${path}`),
  );
  const described = new Set(ENDPOINTS.map(lineOf));
  const routed = new Set(ENDPOINTS.map(routeOf));
  for (const line of served) assert.ok(routed.has(line), line);
  for (const endpoint of ENDPOINTS) {
    const isCheck = endpoint.summary.startsWith("Health check");
    assert.notEqual(served.has(routeOf(endpoint)), isCheck, lineOf(endpoint));
  }
  assert.equal(described.size, ENDPOINTS.length, "each stands there once");
});

Deno.test("openapi: what is called protected asks for the password", async () => {
  for (const endpoint of ENDPOINTS) {
    const bench = new RestBench();
    const credentials = { username: "user", password: "secret" };
    bench.settings = { ...bench.settings, credentials };
    const { status } = await bench.ask(lineOf(endpoint));
    assert.equal(status === 401, endpoint.isProtected, lineOf(endpoint));
    const security = operationAt(lineOf(endpoint), "security");
    assert.equal(security !== undefined, endpoint.isProtected);
  }
});

Deno.test("openapi: the paths of the page are there, and off with it", async () => {
  const ofPage = ENDPOINTS.filter(({ path }) => path.startsWith("/ui"));
  assert.equal(ofPage.length, 5);
  for (const endpoint of ofPage) {
    const bench = new RestBench();
    const line = lineOf(endpoint);
    const { status } = await bench.ask(line);
    const isKnown = operationAt(line, "responses", String(status));
    assert.ok(status !== 501 && isKnown !== undefined, `${line}: ${status}`);
    bench.settings = { ...bench.settings, isUiOn: false };
    assert.equal((await bench.ask(line)).status, 501, line);
  }
});

Deno.test("openapi: the bodies are those of the schemas that check", () => {
  const options = { io: "input" } as const;
  const { $schema: _, ...plain } = z.toJSONSchema(failsafeBody, options);
  assert.deepEqual(operationAt("POST /failsafe", ...SCHEMA), plain);
  assert.deepEqual(plain.required, ["name", "conn_url", "api_url"]);
  assert.equal(operationAt("POST /failsafe", "requestBody", "required"), true);
  const filters = operationAt("POST /restart", ...SCHEMA, "properties");
  assert.deepEqual(
    Object.keys(Object(filters)),
    Object.keys(restartBody.shape),
  );
  assert.deepEqual(at(filters, "role", "enum"), [
    "primary",
    "standby_leader",
    "replica",
  ]);
  assert.equal(operationAt("POST /restart", "requestBody", "required"), false);
});

Deno.test("openapi: operations have ids of their own and described replies", () => {
  const ids = ENDPOINTS.map((endpoint) => {
    const responses = operationAt(lineOf(endpoint), "responses");
    for (const [status, reply] of Object.entries(Object(responses))) {
      assert.match(status, /^[2-5]\d\d$/);
      assert.notEqual(at(reply, "description"), "");
    }
    return operationAt(lineOf(endpoint), "operationId");
  });
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("GET /openapi.json sends it as plain JSON", async () => {
  const { status, text } = await new RestBench().ask("GET /openapi.json");
  assert.equal(status, 200);
  const sent = JSON.parse(text);
  const made = JSON.parse(JSON.stringify(openApiDocument("4.1.4")));
  assert.deepEqual(sent, made);
});
