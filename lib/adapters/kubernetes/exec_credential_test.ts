import assert from "node:assert/strict";
import { execInfo, readExecCredential } from "./exec_credential.ts";

const V1 = "client.authentication.k8s.io/v1";
const CERT = "-----BEGIN CERTIFICATE-----\nc\n";
const KEY = "-----BEGIN PRIVATE KEY-----\nsecret\n";

function answer(status: unknown, apiVersion = V1): string {
  return JSON.stringify({ apiVersion, kind: "ExecCredential", status });
}

Deno.test("a login program is told that nobody is there, and of the cluster if it asks", () => {
  assert.deepEqual(JSON.parse(execInfo({ apiVersion: V1, cluster: null })), {
    ...{ apiVersion: V1, kind: "ExecCredential" },
    spec: { interactive: false },
  });
  const cluster = { server: "https://a" };
  const { spec } = JSON.parse(execInfo({ apiVersion: V1, cluster }));
  assert.deepEqual(spec, { cluster, interactive: false });
});

Deno.test("its answer is a token, a certificate, or both, and maybe an end", () => {
  const cases: readonly (readonly [object, object])[] = [
    [{ token: "t" }, { token: "t", pair: null, endsAtMs: null }],
    [{ clientCertificateData: CERT, clientKeyData: KEY, token: null }, {
      ...{ token: null, pair: { cert: CERT, key: KEY }, endsAtMs: null },
    }],
    [{ token: "t", expirationTimestamp: "2026-11-29T17:00:00Z" }, {
      ...{ token: "t", pair: null, endsAtMs: Date.UTC(2026, 10, 29, 17) },
    }],
    [{ token: "t", expirationTimestamp: "2026-11-29T18:00:00.000001+01:00" }, {
      ...{ token: "t", pair: null, endsAtMs: Date.UTC(2026, 10, 29, 17) },
    }],
  ];
  for (const [status, wanted] of cases) {
    assert.deepEqual(readExecCredential(answer(status), V1), wanted);
  }
});

Deno.test("an answer that cannot be used is one sentence, without its secrets", () => {
  const secret = { token: "secret" };
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /did not print an ExecCredential in JSON/],
    ["secret", /did not print an ExecCredential in JSON/],
    [JSON.stringify({ apiVersion: V1, kind: "Secret" }), /did not print an Ex/],
    [answer(secret, `${V1}beta1`), /answers in another version than client/],
    [answer(null), /gave neither a token nor a client certificate/],
    [answer({}), /gave neither a token nor a client certificate/],
    [answer({ token: "secret\n" }), /a token that no header can carry/],
    [answer({ token: 5 }), /a token that no header can carry/],
    [
      answer({ clientCertificateData: CERT }),
      /certificate or key that is no P/,
    ],
    [
      answer({ clientCertificateData: CERT, clientKeyData: "secret" }),
      /certificate or key that is no PEM/,
    ],
    ...["tomorrow", "2026-13-40T17:00:00Z", 5, "2026"].map((
      expirationTimestamp,
    ): [string, RegExp] => [
      answer({ ...secret, expirationTimestamp }),
      /an expirationTimestamp that is no time/,
    ]),
  ];
  for (const [text, wanted] of cases) {
    assert.throws(() => readExecCredential(text, V1), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, wanted);
      assert.doesNotMatch(error.message, /secret|\n/);
      return true;
    });
  }
});
