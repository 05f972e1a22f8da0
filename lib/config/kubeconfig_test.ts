import assert from "node:assert/strict";
import { parseKubeconfig } from "./kubeconfig.ts";

const PLACE = { path: "/home/u/.kube/config", context: null };

function config(user: string, more = ""): string {
  return `apiVersion: v1
kind: Config
current-context: dev
contexts:
- {name: dev, context: {cluster: c, user: u}}
- {name: other, context: {cluster: nowhere, user: u}}
clusters:
- name: c
  cluster:
    server: https://10.0.0.1:6443/
    certificate-authority: ca.crt
    ${more}
users:
- name: u
  user: ${user}
`;
}

Deno.test("a kubeconfig says where and as whom, in each form", () => {
  const cert = btoa("CERT");
  assert.deepEqual(
    parseKubeconfig(
      config(`{client-certificate-data: ${cert}, client-key: /k.pem}`),
      PLACE,
    ),
    {
      server: "https://10.0.0.1:6443",
      isVerified: true,
      ca: { kind: "file", path: "/home/u/.kube/ca.crt" },
      cert: { kind: "text", text: "CERT" },
      key: { kind: "file", path: "/k.pem" },
      ...{ token: null, tokenFile: null, username: null, password: "" },
      program: null,
    },
  );
  const plain = config("{token: t}", "insecure-skip-tls-verify: true");
  const { token, isVerified } = parseKubeconfig(plain, PLACE);
  assert.deepEqual([token, isVerified], ["t", false]);
  const basic = parseKubeconfig(
    config("{username: a, password: b, tokenFile: t}"),
    PLACE,
  );
  assert.deepEqual([basic.username, basic.password, basic.tokenFile], [
    ...["a", "b", "/home/u/.kube/t"],
  ]);
});

Deno.test("the context is the given one, kind's, or the current one", () => {
  const text = config("{}").replace("name: other", "name: kind-kind");
  assert.throws(() => parseKubeconfig(text, PLACE), /no cluster "nowhere"/);
  const dev = { ...PLACE, context: "dev" };
  assert.equal(parseKubeconfig(text, dev).server, "https://10.0.0.1:6443");
});

Deno.test("what a kubeconfig lacks is said in one sentence", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["[", /no YAML/],
    ["[]", /is no kubeconfig/],
    ["{}", /names no context/],
    [config("{}").replace("current-context: dev", ""), /names no context/],
    [config("{auth-provider: {}}"), /logs in by "auth-provider", which is n/],
    [config("{exec: {command: aws}}"), /login program speaks "", which is nei/],
    [config("{}").replace("https://", "tcp://"), /no server that is an URL/],
    [config("{}").replace("- name: u", "- name: x"), /has no user "u"/],
  ];
  for (const [text, wanted] of cases) {
    assert.throws(() => parseKubeconfig(text, PLACE), wanted);
  }
  assert.throws(
    () => parseKubeconfig(config("{}"), { ...PLACE, context: "x" }),
    /has no context "x"/,
  );
});
