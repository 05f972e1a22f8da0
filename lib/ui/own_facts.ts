/**
 * What a member says of itself to the cluster page, beyond its key in the store:
 * its proxy, its guards, how the store answers it. Members of other versions
 * read it, so what is missing or of another kind is "not told".
 */
import {
  asObject,
  type JsonObject,
  parseJsonObject,
  readCount,
  readText,
} from "../core/codec/json.ts";

/** Of one text that is shown. */
const TEXT_LENGTH_MAX = 400;
const VIPS_MAX = 32;
const NODES_MAX = 16;

/** The proxy beside the member. */
export interface ProxyFacts {
  readonly version: string;
  readonly sessions: number;
  /** Clients that wait for a backend. */
  readonly held: number;
  readonly isFenceArmed: boolean;
}

/** One virtual address that the member is configured for. */
export interface VipFacts {
  readonly address: string;
  /** The host has it now. */
  readonly isCarried: boolean;
}

/** One node of the store, as this member sees it. */
export interface StoreNodeFacts {
  /** Host and port. */
  readonly address: string;
  /** Milliseconds until it answered; null: it does not. */
  readonly answerMs: number | null;
  readonly isLeader: boolean;
}

/** Where its PostgreSQL is set to stream from. */
export interface UpstreamFacts {
  readonly host: string;
  readonly port: number;
  readonly isStreaming: boolean;
}

/** How the store answers this member. */
export interface StoreFacts {
  /** In a word, as in the configuration. */
  readonly kind: string;
  /** Of the last call, milliseconds; null: there was none. */
  readonly lastMs: number | null;
  readonly failures: number;
  /** When it was seen last, milliseconds since the epoch; 0: never. */
  readonly seenAtMs: number;
  /** Empty: it has none to be told apart. */
  readonly nodes: readonly StoreNodeFacts[];
}

/** All of it. Null: it has none of that, or does not tell. */
export interface OwnFacts {
  readonly version: string;
  readonly proxy: ProxyFacts | null;
  readonly watchdog: "off" | "ready" | "active" | "failed";
  readonly vips: readonly VipFacts[];
  readonly store: StoreFacts | null;
  readonly upstream: UpstreamFacts | null;
  /** It knows of upstreams: with none it has none. */
  readonly isUpstreamTold: boolean;
  /** The last decision's sentence. */
  readonly decision: string;
}

/** As it is sent. */
export function encodeOwnFacts(facts: OwnFacts): JsonObject {
  const { version, proxy, watchdog, vips, store, decision } = facts;
  const { upstream, isUpstreamTold } = facts;
  return {
    ...{ version, watchdog, decision },
    proxy: proxy === null ? null : {
      version: proxy.version,
      sessions: proxy.sessions,
      held: proxy.held,
      fence_armed: proxy.isFenceArmed,
    },
    vips: vips.map(({ address, isCarried }) => ({
      address,
      carried: isCarried,
    })),
    store: store === null ? null : {
      kind: store.kind,
      last_ms: store.lastMs,
      failures: store.failures,
      seen_at_ms: store.seenAtMs,
      nodes: store.nodes.map(({ address, answerMs, isLeader }) => ({
        ...{ address, leader: isLeader },
        answer_ms: answerMs === null ? null : Math.round(answerMs),
      })),
    },
    ...(isUpstreamTold
      ? {
        upstream: upstream === null ? null : {
          ...{ host: upstream.host, port: upstream.port },
          streaming: upstream.isStreaming,
        },
      }
      : {}),
  };
}

/**
 * The facts in an answer; null: it is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(decodeOwnFacts("<html>"), null);
 * assert.equal(decodeOwnFacts('{"proxy":7}')?.proxy, null);
 * ```
 */
export function decodeOwnFacts(text: string): OwnFacts | null {
  const given = parseJsonObject(text);
  if (given === null) return null;
  const { vips } = given;
  return {
    version: short(given["version"]),
    proxy: proxyIn(asObject(given["proxy"])),
    watchdog: watchdogIn(given["watchdog"]),
    vips: Array.isArray(vips) ? vips.slice(0, VIPS_MAX).flatMap(vipIn) : [],
    store: storeIn(asObject(given["store"])),
    upstream: upstreamIn(asObject(given["upstream"])),
    isUpstreamTold: Object.hasOwn(given, "upstream"),
    decision: short(given["decision"]),
  };
}

function proxyIn(given: JsonObject | null): ProxyFacts | null {
  const sessions = readCount(given?.["sessions"]);
  const held = readCount(given?.["held"]);
  if (given === null || sessions === null || held === null) return null;
  return {
    version: short(given["version"]),
    ...{ sessions, held },
    isFenceArmed: given["fence_armed"] === true,
  };
}

function watchdogIn(value: unknown): OwnFacts["watchdog"] {
  return value === "ready" || value === "active" || value === "failed"
    ? value
    : "off";
}

function vipIn(item: unknown): readonly VipFacts[] {
  const given = asObject(item);
  const address = short(given?.["address"]);
  return address === ""
    ? []
    : [{ address, isCarried: given?.["carried"] === true }];
}

function storeIn(given: JsonObject | null): StoreFacts | null {
  if (given === null) return null;
  return {
    kind: short(given["kind"]),
    lastMs: readCount(given["last_ms"]),
    failures: readCount(given["failures"]) ?? 0,
    seenAtMs: readCount(given["seen_at_ms"]) ?? 0,
    nodes: Array.isArray(given["nodes"])
      ? given["nodes"].slice(0, NODES_MAX).flatMap(nodeIn)
      : [],
  };
}

function nodeIn(item: unknown): readonly StoreNodeFacts[] {
  const given = asObject(item);
  const address = short(given?.["address"]);
  return address === "" ? [] : [{
    address,
    answerMs: readCount(given?.["answer_ms"]),
    isLeader: given?.["leader"] === true,
  }];
}

function upstreamIn(given: JsonObject | null): UpstreamFacts | null {
  const host = short(given?.["host"]);
  const port = readCount(given?.["port"]);
  return host === "" || port === null
    ? null
    : { host, port, isStreaming: given?.["streaming"] === true };
}

function short(value: unknown): string {
  return (readText(value) ?? "").slice(0, TEXT_LENGTH_MAX);
}
