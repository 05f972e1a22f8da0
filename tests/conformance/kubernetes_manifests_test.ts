/** The manifests of docs/kubernetes make a configuration that a member takes. */
import assert from "node:assert/strict";
import { memoryReader } from "../../lib/config/fixtures/memory_reader.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { manifests } from "../helpers/kubernetes_manifests.ts";

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly secretKeyRef?: { readonly key: string };
  };
}

interface Port {
  readonly name: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly containerPort: number;
}

const FIELDS: Readonly<Record<string, string>> = {
  "metadata.name": "batman-0",
  "metadata.namespace": "prod",
  "status.podIP": "10.1.2.3",
};

function valueOf({ value, valueFrom }: Variable): string {
  const field = valueFrom?.fieldRef?.fieldPath;
  if (field !== undefined) return FIELDS[field] ?? "";
  if (valueFrom?.secretKeyRef !== undefined) return "secret";
  return (value ?? "").replace("$(PATRONI_KUBERNETES_POD_IP)", "10.1.2.3");
}

Deno.test("a member takes its configuration from the manifests", async () => {
  const all = await manifests("statefulset.yaml");
  const found = (kind: string) => Object(all.find((one) => one.kind === kind));
  const { containers, serviceAccountName } =
    found("StatefulSet").spec.template.spec;
  const variables: readonly Variable[] = containers[0].env;
  const env = Object.fromEntries(
    variables.map((variable) => [variable.name, valueOf(variable)]),
  );
  const text = String(found("ConfigMap").data["matriarch.yml"]);
  const reader = memoryReader({ "/etc/matriarch/matriarch.yml": text });
  const path = containers[0].command[2];
  const { config, warnings } = await loadConfig({ path, env, reader });
  assert.deepEqual(warnings, []);
  assert.deepEqual([config.scope, config.name], ["batman", "batman-0"]);
  assert.ok(config.dcs.kind === "kubernetes");
  const { namespace, podIp, useEndpoints, ports, labels } = config.dcs;
  assert.deepEqual([namespace, podIp, useEndpoints], [
    "prod",
    "10.1.2.3",
    true,
  ]);
  assert.deepEqual(ports, [{ name: "postgresql", port: 5432 }]);
  // The pods and the objects are found by the same labels.
  const { labels: podLabels } = found("StatefulSet").spec.template.metadata;
  assert.deepEqual({ ...labels, "cluster-name": config.scope }, podLabels);
  const { ports: open } = containers[0];
  await checkServices(podLabels, open);
  const { restapi, postgresql, proxy } = config;
  assert.deepEqual(
    open.map(({ containerPort }: Port) => containerPort),
    [
      postgresql.listen.port,
      restapi.listen.port,
      proxy?.primaryPort,
      proxy?.replicaPort,
    ],
  );
  const [account] = await manifests("rbac.yaml");
  assert.equal(Object(account?.["metadata"]).name, serviceAccountName);
});

/** Each Service that selects pods finds these, and ports that they have. */
async function checkServices(
  podLabels: Readonly<Record<string, string>>,
  open: readonly Port[],
): Promise<void> {
  const selecting: string[] = [];
  for (const manifest of await manifests("services.yaml")) {
    const { metadata: { name }, spec } = Object(manifest);
    const ports: readonly Port[] = spec.ports;
    for (const { port, targetPort = port } of ports) {
      const target = open.find((one) =>
        targetPort === one.name || targetPort === one.containerPort
      );
      // The Services keep the ports' numbers.
      assert.equal(target?.containerPort, port, `${name}: ${targetPort}`);
    }
    if (spec.selector === undefined) continue;
    selecting.push(name);
    const labels = { ...podLabels, role: "replica" };
    assert.deepEqual({ ...labels, ...spec.selector }, labels, name);
  }
  assert.deepEqual(selecting, [
    "batman-replicas",
    "batman-proxy",
    "batman-pods",
  ]);
}
