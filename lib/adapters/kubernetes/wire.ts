/** Kubernetes' JSON, as far as the scope needs it. */
import { asObject, type JsonObject } from "../../core/codec/json.ts";

/** The kinds of objects that are used, by their names in paths. */
export type Kind = "configmaps" | "endpoints" | "pods" | "services";

type Texts = Readonly<Record<string, string>>;

/** One object. */
export interface KubeObject {
  readonly name: string;
  /** resourceVersion: grows with each change of any object of a kind. */
  readonly version: bigint;
  readonly annotations: Texts;
  readonly labels: Texts;
  /** Of Endpoints, as JSON; `[]` for all others. */
  readonly subsets: string;
  readonly uid: string;
  /** Of a pod, null as long as there is none. */
  readonly podIp: string | null;
  readonly nodeName: string | null;
}

/** All objects that a selector has found. */
export interface KubeList {
  /** Of the store when it was read. */
  readonly version: bigint;
  readonly items: readonly KubeObject[];
}

/** What a watch tells. */
export type KubeEvent =
  | { readonly kind: "put"; readonly object: KubeObject }
  | { readonly kind: "deleted"; readonly object: KubeObject }
  /** Nothing has happened until that version. */
  | { readonly kind: "bookmark"; readonly version: bigint }
  /** The server does not know any more what happened since. */
  | { readonly kind: "too_old" }
  | { readonly kind: "failed"; readonly why: string };

/** @throws {Error} If it is no object of Kubernetes. */
export function objectOf(value: unknown): KubeObject {
  const object = asObject(value);
  const metadata = asObject(object?.["metadata"]);
  const name = metadata?.["name"];
  if (object === null || metadata === null || typeof name !== "string") {
    throw new Error("no object of Kubernetes");
  }
  const { uid } = metadata;
  const subsets = object["subsets"];
  return {
    name,
    version: versionOf(metadata),
    annotations: textsOf(metadata["annotations"]),
    labels: textsOf(metadata["labels"]),
    subsets: Array.isArray(subsets) ? JSON.stringify(subsets) : "[]",
    uid: typeof uid === "string" ? uid : "",
    podIp: textOf(asObject(object["status"])?.["podIP"]),
    nodeName: textOf(asObject(object["spec"])?.["nodeName"]),
  };
}

/** @throws {Error} If it is no list of Kubernetes. */
export function listOf(text: string): KubeList {
  const list = asObject(JSON.parse(text));
  const items = list?.["items"] ?? [];
  const metadata = asObject(list?.["metadata"]);
  const isList = typeof list?.["kind"] === "string" &&
    list["kind"].endsWith("List");
  if (!isList || metadata === null || !Array.isArray(items)) {
    throw new Error("no list of Kubernetes");
  }
  return { version: versionOf(metadata), items: items.map(objectOf) };
}

/** @throws {Error} If it is no event of Kubernetes. */
export function eventOf(line: string): KubeEvent {
  const event = asObject(JSON.parse(line));
  const object = asObject(event?.["object"]);
  switch (event?.["type"]) {
    case "ADDED":
    case "MODIFIED":
      return { kind: "put", object: objectOf(object) };
    case "DELETED":
      return { kind: "deleted", object: objectOf(object) };
    case "BOOKMARK": {
      const metadata = asObject(object?.["metadata"]);
      return { kind: "bookmark", version: versionOf(metadata) };
    }
    case "ERROR":
      return object?.["code"] === 410
        ? { kind: "too_old" }
        : { kind: "failed", why: String(object?.["message"]) };
    default:
      throw new Error("no event of Kubernetes");
  }
}

/** What the API server says of a request that was no success; null: it is none of its answers. */
export interface KubeStatus {
  readonly reason: string;
  readonly message: string;
  /** The kind of the object that it is about. */
  readonly kind: string;
}

/** Reads the body of such an answer. */
export function statusOf(body: string): KubeStatus | null {
  const status = parsed(body);
  if (status?.["kind"] !== "Status") return null;
  const { reason, message, details } = status;
  return {
    reason: textOf(reason) ?? "",
    message: textOf(message) ?? "",
    kind: textOf(asObject(details)?.["kind"]) ?? "",
  };
}

/** Cuts a stream of text into its lines. */
export class Lines {
  #rest = "";

  /** @throws {Error} If a line is longer than any event. */
  add(text: string): readonly string[] {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop() ?? "";
    if (this.#rest.length > LINE_LENGTH_MAX) throw new Error("no event");
    return parts.filter((line) => line.trim() !== "");
  }
}

const LINE_LENGTH_MAX = 8 << 20;

function versionOf(metadata: JsonObject | null): bigint {
  const version = metadata?.["resourceVersion"];
  const isNumber = typeof version === "string" &&
    /^[0-9]{1,20}$/.test(version);
  if (!isNumber) throw new Error("no resourceVersion");
  return BigInt(version);
}

function textsOf(value: unknown): Texts {
  const entries = Object.entries(asObject(value) ?? {});
  return Object.fromEntries(
    entries.flatMap(([name, text]) =>
      typeof text === "string" ? [[name, text] as const] : []
    ),
  );
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function parsed(body: string): JsonObject | null {
  try {
    return asObject(JSON.parse(body));
  } catch {
    return null;
  }
}
