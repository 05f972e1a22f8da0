/** The text form of a managed member's order. */
import type { EtcdOrder, FoundingMember } from "../../core/model/etcd_order.ts";

/** @throws {Error} If it is no order. */
export function decodeOrder(text: string): EtcdOrder {
  const value: unknown = JSON.parse(text);
  const order = isRecord(value) ? orderOf(value) : null;
  if (order === null) throw new Error("it is no order for a member of etcd");
  return order;
}

function orderOf(value: Readonly<Record<string, unknown>>): EtcdOrder | null {
  const { kind, members, through, clusterId, memberId, snapshot } = value;
  switch (kind) {
    case "found":
      return Array.isArray(members) && members.every(isMember)
        ? { kind, members }
        : null;
    case "join":
    case "rejoin":
      return isTexts(through) ? { kind, through } : null;
    case "member":
      return typeof clusterId === "string" && typeof memberId === "string"
        ? { kind, clusterId, memberId }
        : null;
    case "force":
      return { kind };
    case "restore":
      return typeof snapshot === "string" ? { kind, snapshot } : null;
    default:
      return null;
  }
}

function isMember(value: unknown): value is FoundingMember {
  return isRecord(value) && typeof value["name"] === "string" &&
    typeof value["peerUrl"] === "string" &&
    typeof value["clientUrl"] === "string";
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) &&
    value.every((each) => typeof each === "string");
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
