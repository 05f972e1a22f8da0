/**
 * Translates a peer's status document into what a race needs to know of it.
 * Documents come from Patroni as well as from us; what is missing stays null.
 *
 * Source: docs/contract/rest-api.md 5, 9.2; docs/contract/ha.md 5.2.
 */
import { maxLsn } from "../../core/base/units.ts";
import {
  asObject,
  type JsonObject,
  parseJsonObject,
  readCount,
  readLsn,
} from "../../core/codec/json.ts";
import { decodeTags } from "../../core/codec/tags_codec.ts";
import type { MemberName } from "../../core/model/member.ts";
import type { PeerAnswer } from "../../core/model/peer_view.ts";

/** The answer in a response body; "silent" if it is no status document. */
export function decodeStatus(name: MemberName, body: string): PeerAnswer {
  const document = parseJsonObject(body);
  if (document === null) {
    return { kind: "silent", name, detail: "the answer is no JSON object" };
  }
  const wal = asObject(document["xlog"]) ?? asObject(document["wal"]);
  const tags = decodeTags(document["tags"]);
  const timeline = readCount(document["timeline"]);
  return {
    kind: "answered",
    name,
    isInRecovery: !isPrimary(document, wal),
    position: wal === null ? null : positionIn(wal),
    timeline: timeline !== null && timeline > 0 ? timeline : null,
    isNofailover: tags.isNofailover,
    failoverPriority: tags.failoverPriority,
    hasWatchdogFailed: document["watchdog_failed"] === true,
    endedReceivers: textsIn(document["ended_receivers"]),
  };
}

function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value)
    ? value.filter((one): one is string => typeof one === "string")
    : [];
}

/** The WAL object tells; without one the role that the peer names does. */
function isPrimary(document: JsonObject, wal: JsonObject | null): boolean {
  if (wal !== null) return Object.hasOwn(wal, "location");
  return document["role"] === "primary" || document["role"] === "master";
}

function positionIn(wal: JsonObject): ReturnType<typeof readLsn> {
  return readLsn(wal["location"]) ?? maxLsn(
    readLsn(wal["received_location"]),
    readLsn(wal["replayed_location"]),
  );
}
