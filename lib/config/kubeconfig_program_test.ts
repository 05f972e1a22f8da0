import assert from "node:assert/strict";
import { programOf } from "./kubeconfig_program.ts";

const V1 = "client.authentication.k8s.io/v1";
const FOLDER = "/home/u/.kube";

function read(exec: unknown, cluster: Record<string, unknown> = {}) {
  return programOf({ user: { exec }, cluster }, FOLDER);
}

Deno.test("a login program is read with all that it is told", () => {
  assert.equal(programOf({ user: {}, cluster: {} }, FOLDER), null);
  assert.deepEqual(read({ apiVersion: V1, command: "aws" }), {
    ...{ command: "aws", args: [], env: {}, apiVersion: V1 },
    ...{ hint: null, cluster: null },
  });
  const exec = {
    apiVersion: `${V1}beta1`,
    command: "bin/login",
    args: ["eks", "get-token"],
    env: [{ name: "AWS_PROFILE", value: "p" }, { name: "EMPTY" }],
    installHint: "get it",
    interactiveMode: "IfAvailable",
    provideClusterInfo: true,
  };
  const cluster = {
    server: "https://10.0.0.1",
    "certificate-authority-data": "AAAA",
    "certificate-authority": "not for programs",
    extensions: [
      { name: "other", extension: 1 },
      { name: "client.authentication.k8s.io/exec", extension: { a: 1 } },
    ],
  };
  assert.deepEqual(read(exec, cluster), {
    command: `${FOLDER}/bin/login`,
    args: ["eks", "get-token"],
    env: { AWS_PROFILE: "p", EMPTY: "" },
    apiVersion: `${V1}beta1`,
    hint: "get it",
    cluster: {
      server: "https://10.0.0.1",
      "certificate-authority-data": "AAAA",
      config: { a: 1 },
    },
  });
});

Deno.test("a login program that cannot be used is one sentence", () => {
  const good = { apiVersion: V1, command: "aws" };
  const cases: readonly (readonly [unknown, RegExp])[] = [
    ["aws", /"exec" that is no map/],
    [{ apiVersion: V1 }, /login program has no command/],
    [{ ...good, apiVersion: `${V1}alpha1` }, /speaks ".*v1alpha1", which is/],
    [{ ...good, interactiveMode: "Always" }, /"aws" wants to talk to a person/],
    [{ ...good, args: "eks" }, /"args" that are no list of texts/],
    [{ ...good, args: [1] }, /"args" that are no list of texts/],
    [{ ...good, env: { A: "b" } }, /"env" that is no list/],
    [{ ...good, env: [{ value: "b" }] }, /something else than \{name, value\}/],
    [{ ...good, env: [{ name: "A=", value: "b" }] }, /something else than/],
    [{ ...good, env: [{ name: "A", value: 1 }] }, /something else than/],
  ];
  for (const [exec, wanted] of cases) {
    assert.throws(() => read(exec), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, wanted);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  }
});
