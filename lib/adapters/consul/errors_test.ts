import assert from "node:assert/strict";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { errorOf, isNotNow } from "./errors.ts";

type Kind = typeof DcsRefusedError | typeof DcsUnreachableError;

const [REFUSED, AWAY] = [DcsRefusedError, DcsUnreachableError];

Deno.test("each answer of Consul is one sentence of the right kind", () => {
  const cases: readonly (readonly [number, string, Kind, RegExp])[] = [
    [403, "Permission denied", REFUSED, /does not allow this token/],
    [403, "ACL not found", REFUSED, /does not allow this token.*ACL not found/],
    [
      ...[500, "rpc error making call: Permission denied"] as const,
      ...[REFUSED, /does not allow this token/] as const,
    ],
    [
      500,
      "Invalid Session TTL '500000000', must be between [10s=24h0m0s]",
      ...[REFUSED, /no session shorter than 10s .*raise ttl/] as const,
    ],
    [500, "Missing check 'x' registration", REFUSED, /refuses: Missing check/],
    [500, "No path to datacenter", REFUSED, /refuses: No path to datacenter/],
    [500, "No cluster leader", AWAY, /cannot serve: No cluster leader/],
    [500, "Missing node registration", AWAY, /cannot serve: Missing node/],
    [503, "", AWAY, /cannot serve: \(no text\) \(status 503\)/],
    [500, "rpc error: EOF", AWAY, /cannot serve/],
    [
      400,
      "Client sent an HTTP request to an HTTPS server.\n",
      ...[REFUSED, /takes TLS only: use scheme https/] as const,
    ],
    [400, "Conflicting flags", REFUSED, /refuses: Conflicting flags/],
    [400, "<html>", REFUSED, /is not Consul: status 400/],
    [404, "404 page not found", REFUSED, /is not Consul: status 404/],
    [301, "", REFUSED, /is not Consul/],
  ];
  for (const [status, body, kind, text] of cases) {
    const reply = { status, body, index: null, isFiltered: false };
    const error = errorOf(reply, "http://c:8500");
    assert.ok(error instanceof kind, body);
    assert.match(error.message, text);
    assert.match(error.message, /^[^\n]*$/);
    assert.equal(isNotNow(reply), /leader|Missing node/.test(body));
  }
});
