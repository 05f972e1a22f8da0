/** What is sent to make or change an object. Pure. */
import { encodeJson, type JsonObject } from "../../core/codec/json.ts";
import type { Annotations } from "./layout.ts";
import type { KubernetesLayout, SubsetPort } from "./options.ts";
import type { KubeObject } from "./wire.ts";

/** A change of an object. */
export interface ObjectChange {
  readonly annotations: Annotations;
  /** Absent: those that select the scope's objects. */
  readonly labels?: Annotations;
  /** Nothing happens if it has another version; null: whatever it has. */
  readonly version: bigint | null;
  /** Of the leader's Endpoints; absent: as they are. */
  readonly subsets?: readonly JsonObject[];
}

/** The body of a PATCH. */
export function patchBody(
  layout: KubernetesLayout,
  { annotations, labels, version, subsets }: ObjectChange,
): JsonObject {
  return {
    metadata: {
      labels: labels ?? layout.labels,
      annotations,
      ...(version === null ? {} : { resourceVersion: String(version) }),
    },
    ...(subsets === undefined ? {} : { subsets }),
  };
}

/** The body of a POST. */
export function createBody(
  { labels, hasEndpoints }: KubernetesLayout,
  name: string,
  { annotations, subsets }: Omit<ObjectChange, "version">,
): JsonObject {
  const set = Object.entries(annotations).filter(([, text]) => text !== null);
  return {
    apiVersion: "v1",
    kind: hasEndpoints ? "Endpoints" : "ConfigMap",
    metadata: { name, labels, annotations: Object.fromEntries(set) },
    ...(subsets === undefined ? {} : { subsets }),
  };
}

/** Keeps the Endpoints of its name from being collected as garbage. */
export function configService(
  { labels }: KubernetesLayout,
  name: string,
): JsonObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, labels },
    spec: { clusterIP: "None" },
  };
}

/** Where clients of the leader's Service go. */
export function leaderSubsets(
  address: { readonly ip: string; readonly namespace: string },
  pod: KubeObject,
  ports: readonly SubsetPort[],
): readonly JsonObject[] {
  const { ip, namespace } = address;
  const { name, uid, nodeName } = pod;
  return [{
    addresses: [{
      ip,
      ...(nodeName === null ? {} : { nodeName }),
      targetRef: { kind: "Pod", namespace, name, uid },
    }],
    ports,
  }];
}

/** Whether Endpoints lead where they should, whatever the server has added. */
export function isLeadingTo(
  subsets: string,
  wanted: readonly JsonObject[],
): boolean {
  const places = (text: string): string =>
    JSON.stringify(parsedPlaces(JSON.parse(text)));
  return places(subsets) === places(encodeJson(wanted));
}

function parsedPlaces(subsets: unknown): unknown {
  const list: readonly unknown[] = Array.isArray(subsets) ? subsets : [];
  return list.map((subset) => {
    const { addresses, ports }: Record<string, unknown> = Object(subset);
    return [itemsOf(addresses, ["ip"]), itemsOf(ports, ["name", "port"])];
  });
}

function itemsOf(value: unknown, names: readonly string[]): unknown {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list.map((item) => {
    const fields: Record<string, unknown> = Object(item);
    return names.map((name) => fields[name] ?? "");
  });
}
