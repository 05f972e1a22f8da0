/**
 * Where each key of the port stands: an annotation of one of the scope's four
 * objects, or of a pod. Pure.
 *
 * Source: docs/contract/dcs.md 12.
 */
import {
  asObject,
  encodeJson,
  type JsonObject,
  parseJson,
  parseJsonObject,
  readScalarText,
  readText,
} from "../../core/codec/json.ts";
import type { KubernetesLayout } from "./options.ts";
import type { Kind } from "./wire.ts";

/** One of the scope's objects. */
export type ObjectRole = "leader" | "config" | "failover" | "sync";

/** All of them. */
export const OBJECT_ROLES: readonly ObjectRole[] = [
  ...["leader", "config", "failover", "sync"] as const,
];

/** Where a key stands. */
export type KeyPlace =
  | { readonly kind: "object"; readonly role: ObjectRole }
  | { readonly kind: "pod"; readonly name: string };

/** Annotations to set, and with null to remove. */
export type Annotations = Readonly<Record<string, string | null>>;

const MEMBERS_PREFIX = "members/";

/** A pod's annotation that is its member key. */
export const MEMBER_ANNOTATION = "status";

/** How a key that is no plain text is made of annotations. */
interface Codec {
  readonly names: readonly string[];
  /** Null: nobody could read that again. */
  readonly annotations: (value: JsonObject) => Annotations;
  readonly value: (texts: Readonly<Record<string, string>>) => JsonObject;
}

const STATUS: Codec = {
  names: ["optime", "slots", "retain_slots"],
  annotations: ({ optime, slots, retain_slots: retained }) => ({
    optime: readScalarText(optime),
    slots: jsonText(slots),
    retain_slots: jsonText(retained),
  }),
  value: ({ optime, slots, retain_slots: retained }) => ({
    optime: numberOf(optime),
    slots: asObject(parseJson(slots ?? "")) ?? undefined,
    retain_slots: parseJson(retained ?? ""),
  }),
};

const FAILOVER: Codec = {
  names: ["leader", "member", "scheduled_at"],
  annotations: ({ leader, member, scheduled_at: scheduledAt }) => ({
    leader: readText(leader),
    member: readText(member),
    scheduled_at: readText(scheduledAt),
  }),
  value: (texts) => texts,
};

const SYNC: Codec = {
  names: ["leader", "quorum", "sync_standby"],
  annotations: ({ leader, quorum, sync_standby: standby }) => ({
    leader: readText(leader),
    quorum: readScalarText(quorum),
    sync_standby: readText(standby),
  }),
  value: ({ leader, quorum, sync_standby: standby }) => ({
    leader: leader ?? null,
    quorum: numberOf(quorum) ?? 0,
    sync_standby: standby ?? null,
  }),
};

const CODECS: ReadonlyMap<string, Codec> = new Map([
  ["status", STATUS],
  ["failover", FAILOVER],
  ["sync", SYNC],
]);

const ROLES: ReadonlyMap<string, ObjectRole> = new Map([
  ...["leader", "status", "failsafe"].map((key) => [key, "leader"] as const),
  ...["initialize", "config", "history", "failovers"].map((key) =>
    [key, "config"] as const
  ),
  ["failover", "failover"],
  ["sync", "sync"],
]);

/** Where a key stands; null: Kubernetes has no place for it. */
export function placeOf(key: string): KeyPlace | null {
  if (key.startsWith(MEMBERS_PREFIX)) {
    const name = key.slice(MEMBERS_PREFIX.length);
    const isPodName = /^[a-z0-9][-.a-z0-9]{0,252}$/.test(name);
    return isPodName ? { kind: "pod", name } : null;
  }
  const role = ROLES.get(key);
  return role === undefined ? null : { kind: "object", role };
}

/** The keys of an object besides `leader`, which is a record of its own. */
export function keysOf(role: ObjectRole): readonly string[] {
  return [...ROLES].filter(([key, of]) => of === role && key !== "leader")
    .map(([key]) => key);
}

/** The key of a member. */
export function memberKey(name: string): string {
  return MEMBERS_PREFIX + name;
}

/** Name of an object. */
export function objectName(
  { base, hasEndpoints }: KubernetesLayout,
  role: ObjectRole,
): string {
  return role === "leader" && hasEndpoints ? base : `${base}-${role}`;
}

/** Of what kind the scope's objects are. */
export function objectKind({ hasEndpoints }: KubernetesLayout): Kind {
  return hasEndpoints ? "endpoints" : "configmaps";
}

/**
 * What a key's value is as annotations; null: the value has no such form.
 *
 * @param value Null: the key goes away.
 */
export function annotationsOf(
  key: string,
  value: string | null,
): Annotations | null {
  const codec = CODECS.get(key);
  if (codec === undefined) return { [annotationOf(key)]: value };
  const document = parseJsonObject(value ?? "{}");
  return document === null ? null : codec.annotations(document);
}

/** The key's value in an object's annotations; null: it is not there. */
export function valueOf(
  key: string,
  annotations: Readonly<Record<string, string>>,
): string | null {
  const own = (name: string): string | null =>
    Object.hasOwn(annotations, name) ? annotations[name] ?? null : null;
  const codec = CODECS.get(key);
  if (codec === undefined) return own(annotationOf(key));
  const texts = codec.names.flatMap((name) => {
    const text = own(name);
    return text === null || text === "" ? [] : [[name, text] as const];
  });
  if (texts.length === 0) return null;
  return encodeJson(codec.value(Object.fromEntries(texts)));
}

function annotationOf(key: string): string {
  return key.startsWith(MEMBERS_PREFIX) ? MEMBER_ANNOTATION : key;
}

function jsonText(value: unknown): string | null {
  const isNested = Array.isArray(value) || asObject(value) !== null;
  return isNested ? encodeJson(nested(value)) : null;
}

function nested(value: unknown): JsonObject | readonly unknown[] {
  return Array.isArray(value) ? value : asObject(value) ?? {};
}

function numberOf(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[0-9]{1,20}$/.test(text)
    ? BigInt(text)
    : undefined;
}
