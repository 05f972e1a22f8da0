/** The manifests of docs/kubernetes, as an API server takes them. */
import { parseAllDocuments } from "yaml";
import { type KubernetesServer, MEMBER } from "./kubernetes.ts";

const FOLDER = new URL("../../docs/kubernetes/", import.meta.url);

/** An object of a manifest. */
export interface Manifest extends Readonly<Record<string, unknown>> {
  readonly kind: string;
}

/** Where objects of a kind are made. */
const PLACES: Readonly<Record<string, string>> = {
  ConfigMap: "/api/v1/namespaces/default/configmaps",
  Secret: "/api/v1/namespaces/default/secrets",
  Service: "/api/v1/namespaces/default/services",
  ServiceAccount: "/api/v1/namespaces/default/serviceaccounts",
  StatefulSet: "/apis/apps/v1/namespaces/default/statefulsets",
  Role: "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
  RoleBinding:
    "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
  ClusterRole: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
};

/** The objects of one of the files. */
export async function manifests(name: string): Promise<readonly Manifest[]> {
  const text = await Deno.readTextFile(new URL(name, FOLDER));
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
}

/** Makes an object, or only has it looked at (`dryRun=All`). */
export async function send(
  server: KubernetesServer,
  manifest: Manifest,
  query = "",
): Promise<void> {
  const place = PLACES[manifest.kind];
  if (place === undefined) throw new Error(`a ${manifest.kind} has no place`);
  await server.must("POST", place + query, manifest);
}

/** Gives the user `member` the rights that rbac.yaml has for a member, and no others. */
export async function grantMember(server: KubernetesServer): Promise<void> {
  for (const manifest of await manifests("rbac.yaml")) {
    if (manifest.kind === "ClusterRole") continue;
    const subjects = [{
      ...{ kind: "User", name: MEMBER.name },
      apiGroup: "rbac.authorization.k8s.io",
    }];
    const isBinding = manifest.kind === "RoleBinding";
    await send(server, isBinding ? { ...manifest, subjects } : manifest);
  }
}
