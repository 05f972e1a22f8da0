import assert from "node:assert/strict";
import { readEnvironment } from "../env.ts";
import { Wanted } from "../fields.ts";
import { readStore } from "./all.ts";
import type { KubernetesConfig } from "./kubernetes.ts";

const DEFAULTS: KubernetesConfig = {
  kind: "kubernetes",
  namespace: "default",
  labels: { app: "pg" },
  scopeLabel: "cluster-name",
  roleLabel: "role",
  leaderLabelValue: "primary",
  followerLabelValue: "replica",
  standbyLeaderLabelValue: "primary",
  tmpRoleLabel: null,
  bootstrapLabels: {},
  useEndpoints: false,
  podIp: null,
  ports: [{ port: 5432 }],
  cacert: null,
  bypassApiService: false,
  retriableHttpCodes: [],
  context: null,
};

Deno.test("each form of the section kubernetes", () => {
  const cases: readonly (readonly [object, Partial<KubernetesConfig>])[] = [
    [{}, {}],
    [{ namespace: "", role_label: "", pod_ip: "", context: "", ports: [] }, {}],
    [{ namespace: "prod", leader_label_value: "master" }, {
      ...{ namespace: "prod", leaderLabelValue: "master" },
    }],
    [{ use_endpoints: true, pod_ip: "10.1.2.3" }, {
      ...{ useEndpoints: true, podIp: "10.1.2.3" },
    }],
    [{ pod_ip: "fd00::1" }, { podIp: "fd00::1" }],
    [{ ports: [{ name: "pg", port: "5433", protocol: "TCP" }, {}] }, {
      ports: [{ name: "pg", port: 5433, protocol: "TCP" }, { port: 5432 }],
    }],
    [{ retriable_http_codes: 502 }, { retriableHttpCodes: [502] }],
    [{ retriable_http_codes: "502, 403" }, { retriableHttpCodes: [502, 403] }],
    [{ retriable_http_codes: [502, "x"] }, {}],
    [{ labels: { app: "pg", n: 1 } }, { labels: { app: "pg", n: "1" } }],
    [{ bootstrap_labels: { a: "b" }, tmp_role_label: "t" }, {
      ...{ bootstrapLabels: { a: "b" }, tmpRoleLabel: "t" },
    }],
  ];
  for (const [section, wanted] of cases) {
    const kubernetes = { labels: { app: "pg" }, ...section };
    assert.deepEqual(
      readStore({ kubernetes }),
      { ...DEFAULTS, ...wanted },
      JSON.stringify(section),
    );
  }
});

Deno.test("a namespace at the top of the file counts more", () => {
  const kubernetes = { labels: { app: "pg" }, namespace: "below" };
  for (
    const [namespace, wanted] of [["top", "top"], ["", "below"], [
      undefined,
      "below",
    ]]
  ) {
    assert.deepEqual(readStore({ kubernetes, namespace }), {
      ...DEFAULTS,
      namespace: wanted,
    });
  }
});

Deno.test("what the section kubernetes cannot mean is said by its key", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ labels: null }, "kubernetes.labels"],
    [{ labels: "a" }, "kubernetes.labels"],
    [{ pod_ip: "here" }, "kubernetes.pod_ip"],
    [{ ports: 5432 }, "kubernetes.ports"],
    [{ ports: [{ port: 0 }] }, "kubernetes.ports"],
    [{ ports: [{ name: 1 }] }, "kubernetes.ports"],
  ];
  for (const [section, path] of cases) {
    const result = readStore({
      kubernetes: { labels: { a: "b" }, ...section },
    });
    assert.ok(result instanceof Wanted, JSON.stringify(section));
    assert.deepEqual(result.misfits.map((one) => one.path.join(".")), [path]);
  }
});

Deno.test("variables of Kubernetes make its section", () => {
  const { document, warnings } = readEnvironment({
    PATRONI_KUBERNETES_LABELS: "{app: pg}",
    PATRONI_KUBERNETES_NAMESPACE: "prod",
    PATRONI_KUBERNETES_USE_ENDPOINTS: "true",
    PATRONI_KUBERNETES_POD_IP: "10.1.2.3",
    PATRONI_KUBERNETES_PORTS: "[{name: pg, port: 5432}]",
    PATRONI_KUBERNETES_BYPASS_API_SERVICE: "on",
    PATRONI_KUBERNETES_RETRIABLE_HTTP_CODES: "[502]",
    PATRONI_KUBERNETES_BOOTSTRAP_LABELS: "{a: b}",
    PATRONI_KUBERNETES_SCOPE_LABEL: "s",
    PATRONI_KUBERNETES_CONTEXT: "c",
    PATRONI_KUBERNETES_CACERT: "/ca",
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(readStore(document), {
    ...DEFAULTS,
    ...{ namespace: "prod", useEndpoints: true, podIp: "10.1.2.3" },
    ports: [{ name: "pg", port: 5432 }],
    ...{ bypassApiService: true, retriableHttpCodes: [502] },
    ...{ bootstrapLabels: { a: "b" }, scopeLabel: "s", context: "c" },
    cacert: "/ca",
  });
});
