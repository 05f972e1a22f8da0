/**
 * etcd's answers in JSON.
 *
 * Source: etcd 3.5, `api/etcdserverpb/rpc.proto`; proto3's JSON form: numbers of
 * 64 bits are texts, and what is zero, false or empty is left out.
 */
import type {
  EtcdMember,
  EtcdStatus,
  EtcdView,
} from "../../core/model/etcd_member.ts";

type Json = Readonly<Record<string, unknown>>;

/** @throws {Error} If it is no such answer. */
export function decodeStatus(answer: unknown): EtcdStatus {
  const body = record(answer);
  const header = record(body["header"]);
  const leader = text(body["leader"]);
  return {
    clusterId: id(header["cluster_id"]),
    memberId: id(header["member_id"]),
    version: text(body["version"]),
    leaderId: leader === "" || leader === "0" ? null : leader,
    isLearner: body["isLearner"] === true,
    raftTerm: number(body["raftTerm"]),
    raftIndex: number(body["raftIndex"]),
    revision: number(header["revision"]),
    dbBytes: number(body["dbSize"]),
    usedBytes: number(body["dbSizeInUse"]),
  };
}

/** @throws {Error} If it is no such answer. */
export function decodeView(answer: unknown): EtcdView {
  const body = record(answer);
  const members = list(body["members"]).map(decodeMember);
  return { clusterId: id(record(body["header"])["cluster_id"]), members };
}

/** Ids of members with the alarm NOSPACE. */
export function decodeFull(answer: unknown): readonly string[] {
  return list(record(answer)["alarms"]).map(record)
    .filter((alarm) => alarm["alarm"] === "NOSPACE")
    .map((alarm) => id(alarm["memberID"]));
}

/** What etcd says instead of an answer. */
export function decodeError(body: string): string {
  try {
    const { message, error } = record(JSON.parse(body));
    return text(message) || text(error) || body.slice(0, 200);
  } catch {
    return body.slice(0, 200);
  }
}

function decodeMember(value: unknown): EtcdMember {
  const member = record(value);
  const [peerUrl] = list(member["peerURLs"]);
  return {
    id: id(member["ID"]),
    name: text(member["name"]),
    peerUrl: text(peerUrl),
    clientUrls: list(member["clientURLs"]).map(text),
    isLearner: member["isLearner"] === true,
  };
}

/** A map that came from elsewhere. */
export function record(value: unknown): Json {
  if (!isRecord(value)) throw new Error("etcd's answer has an unknown form");
  return value;
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text, empty where it was left out. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function id(value: unknown): string {
  const digits = text(value);
  if (!/^\d{1,20}$/.test(digits)) {
    throw new Error("etcd's answer has an unknown form");
  }
  return digits;
}

function number(value: unknown): number {
  const parsed = Number(value ?? 0);
  return Number.isFinite(parsed) ? parsed : 0;
}
