/**
 * Section `tags`: the member's policy, and the map that it publishes.
 *
 * Source: docs/contract/configuration.md 3.15; Patroni 4.1.4 `tags.py` and `patroni.py`, get_tags.
 */
import {
  isTruthyFlag,
  parseBool,
  parseInteger,
} from "../../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import type { Tags } from "../../core/model/member.ts";
import { tagConflicts } from "../../core/codec/tags_codec.ts";
import { isAbsent, Wanted } from "../fields.ts";
import type { KeyMap, ValueType } from "../keys/key.ts";
import { anything, count, flag, text, truth } from "../keys/types.ts";

/** A boolean tag and the number that says the same more finely. */
interface TagPair {
  readonly isExcluded: boolean;
  readonly priority: number;
}

const PUBLISHED_WHEN_SET: ReadonlyMap<string, string | null> = new Map([
  ["clonefrom", null],
  ["nofailover", "failover_priority"],
  ["noloadbalance", null],
  ["nosync", "sync_priority"],
  ["nostream", null],
]);

/** The tags that mean something; any other is published as it is. */
export const TAGS_KEYS = {
  nofailover: { type: flag, fallback: false, meaning: "Never leads" },
  failover_priority: {
    type: count,
    fallback: 1,
    meaning: "Who of equals leads; 0: never",
  },
  nosync: {
    type: flag,
    fallback: false,
    meaning: "Never a synchronous standby",
  },
  sync_priority: {
    type: count,
    fallback: 1,
    meaning: "Who of equals is synchronous; 0: never",
  },
  noloadbalance: {
    type: flag,
    fallback: false,
    meaning: "Not offered to readers",
  },
  clonefrom: {
    type: flag,
    fallback: false,
    meaning: "Others copy from here",
  },
  replicatefrom: { type: text, meaning: "Member to stream from" },
  nostream: {
    type: truth,
    fallback: false,
    meaning: "Restores archived WAL only",
  },
} as const satisfies KeyMap;

/** The section: pairs of tags depend on each other, so it is read as a whole. */
export const tags: ValueType<Tags> = {
  ...anything,
  read: (value) => isConfigMap(value) ? tagsOf(value) : new Wanted("a map"),
};

/** Both of a pair are fine as long as they say the same. */
export function checkTagPairs(value: unknown): Promise<readonly string[]> {
  return Promise.resolve(
    tagConflicts(value).map(({ flagTag, priorityTag }) =>
      `tags  Multiple of ('${flagTag}', '${priorityTag}') provided`
    ),
  );
}

function tagsOf(tags: ConfigMap): Tags {
  const failover = tagPair(tags, "nofailover", "failover_priority");
  const sync = tagPair(tags, "nosync", "sync_priority");
  const source = ownValue(tags, "replicatefrom");
  return {
    isNofailover: failover.isExcluded,
    failoverPriority: failover.priority,
    isNosync: sync.isExcluded,
    syncPriority: sync.priority,
    isNoloadbalance: isTruthyFlag(ownValue(tags, "noloadbalance")),
    isClonefrom: isTruthyFlag(ownValue(tags, "clonefrom")),
    isNostream: parseBool(ownValue(tags, "nostream")) ?? false,
    replicatefrom: isTruthyFlag(source) ? String(source) : null,
    published: publishedTags(tags),
  };
}

function tagPair(tags: ConfigMap, name: string, numberName: string): TagPair {
  const given = ownValue(tags, name);
  const priority = parseInteger(ownValue(tags, numberName)) ?? 1;
  if (isAbsent(given)) {
    return { isExcluded: priority <= 0, priority };
  }
  const isExcluded = isTruthyFlag(given);
  return { isExcluded, priority: isExcluded ? 0 : priority };
}

function publishedTags(tags: ConfigMap): ConfigMap {
  return Object.fromEntries(
    Object.entries(tags).filter(([key, value]) => {
      const partner = PUBLISHED_WHEN_SET.get(key);
      if (partner === undefined || isTruthyFlag(value)) return true;
      return partner !== null && Object.hasOwn(tags, partner) &&
        !isAbsent(value);
    }),
  );
}
