import assert from "node:assert/strict";
import { asEtcdError, type EtcdTrouble, troubleOf } from "./errors.ts";

function grpc(code: number, message: string): Error {
  return Object.assign(new Error(`${code} X: ${message}`), { code });
}

const CASES: readonly (readonly [unknown, EtcdTrouble])[] = [
  [grpc(4, "Deadline exceeded"), "unreachable"],
  [grpc(14, "Connection dropped"), "unreachable"],
  [grpc(14, "etcdserver: request timed out"), "unreachable"],
  [grpc(14, "etcdserver: no leader"), "unreachable"],
  [grpc(9, "etcdserver: not capable"), "unreachable"],
  [grpc(1, "Cancelled"), "unreachable"],
  [grpc(13, "Received RST_STREAM with code 2"), "unreachable"],
  [grpc(2, "Stream removed"), "unreachable"],
  [grpc(2, "etcdserver: not a primary lessor"), "unreachable"],
  [grpc(14, "No connection established. Last error: x"), "unsent"],
  [grpc(14, "connect ECONNREFUSED 127.0.0.1:1"), "unsent"],
  [grpc(5, "etcdserver: requested lease not found"), "refused"],
  [grpc(7, "etcdserver: permission denied"), "refused"],
  [grpc(3, "etcdserver: key is not provided"), "refused"],
  [grpc(8, "etcdserver: mvcc: database space exceeded"), "refused"],
  [grpc(2, "etcdserver: something odd"), "refused"],
  [
    grpc(3, "etcdserver: authentication failed, invalid user ID or password"),
    "refused",
  ],
  [grpc(16, "etcdserver: invalid auth token"), "stale_login"],
  [grpc(3, "etcdserver: user name is empty"), "stale_login"],
  [grpc(3, "etcdserver: revision of auth store is old"), "stale_login"],
  [new Error("no answer in time"), "unreachable"],
  [new TypeError("odd"), "unreachable"],
  ["text", "unreachable"],
];

Deno.test("troubleOf() calls only etcd's own answers a refusal", () => {
  for (const [thrown, expected] of CASES) {
    const error = asEtcdError(thrown);
    assert.equal(troubleOf(error), expected, String(thrown));
  }
});
