/** Clients of Kubernetes for tests, with what most of them do not care about. */
import { DcsKubernetes } from "../../lib/adapters/kubernetes/dcs_kubernetes.ts";
import type { KubernetesOptions } from "../../lib/adapters/kubernetes/options.ts";
import { ADMIN, type KubernetesServer } from "../helpers/kubernetes.ts";
import { RealClock } from "./dcs_clock.ts";

/** What a test changes. */
export type GivenOptions =
  & Partial<Omit<KubernetesOptions, "layout" | "credentials">>
  & {
    readonly credentials?: Partial<KubernetesOptions["credentials"]>;
    readonly layout?: Partial<KubernetesOptions["layout"]>;
  };

/** The labels of a scope. */
export function labelsOf(scope: string): Readonly<Record<string, string>> {
  return { application: "test", "cluster-name": scope };
}

/** What the adapter needs, around the given. */
export function kubernetesOptions(
  server: Pick<KubernetesServer, "endpoint" | "ca">,
  given: GivenOptions = {},
): KubernetesOptions {
  const base = given.layout?.base ?? "batman";
  const credentials = {
    server: server.endpoint,
    tls: {
      rejectUnauthorized: true,
      ca: Deno.readTextFileSync(server.ca),
    },
    pair: null,
    authorization: { kind: "token", token: ADMIN.token } as const,
    ...given.credentials,
  };
  return {
    reread: () => credentials,
    isServiceBypassed: false,
    tunables: () => ({ retriableCodes: [] }),
    clock: new RealClock(),
    member: null,
    ...given,
    credentials,
    layout: {
      ...{ namespace: "default", base, hasEndpoints: false },
      labels: labelsOf(base),
      ...given.layout,
    },
  };
}

/** A client. */
export function kubernetesDcs(
  server: Pick<KubernetesServer, "endpoint" | "ca">,
  given: GivenOptions = {},
): DcsKubernetes {
  return new DcsKubernetes(kubernetesOptions(server, given));
}
