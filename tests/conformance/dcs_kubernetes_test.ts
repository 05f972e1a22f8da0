import { kubernetesSkipReason } from "../helpers/kube_apiserver_program.ts";
import { KubernetesServer } from "../helpers/kubernetes.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { kubernetesDcs, labelsOf } from "./dcs_kubernetes_access.ts";
import { KeyNames, LayoutDcs } from "./dcs_kubernetes_layout.ts";
import { dcsSuite } from "./dcs_suite.ts";

/** All connections go through a link that can cut them. */
async function open(
  kind: "endpoints" | "configmaps",
): Promise<DcsFixture> {
  const server = await KubernetesServer.start();
  const link = new SeverableLink(server.port);
  const endpoint = `https://127.0.0.1:${link.port}`;
  const names = new Map<string, KeyNames>();
  return {
    connect: (scopePath) => {
      const base = scopePath.slice(scopePath.lastIndexOf("/") + 1);
      const known = names.get(base) ?? new KeyNames(base);
      names.set(base, known);
      const dcs = kubernetesDcs({ endpoint, ca: server.ca }, {
        layout: { base, hasEndpoints: kind === "endpoints" },
      });
      return new LayoutDcs(
        dcs,
        known,
        (name) => server.makePod(name, labelsOf(base)),
      );
    },
    freeze: () => Promise.resolve(server.freeze()),
    thaw: () => Promise.resolve(server.thaw()),
    cutConnections: () => Promise.resolve(link.cut()),
    isReadableWhenFrozen: false,
    lacks: new Set(["transactions", "several_held_keys"]),
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const skipReason = kubernetesSkipReason();

dcsSuite("Kubernetes with ConfigMaps", {
  open: () => open("configmaps"),
  skipReason,
});

dcsSuite("Kubernetes with Endpoints", {
  open: () => open("endpoints"),
  skipReason,
});
