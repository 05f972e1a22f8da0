/**
 * The cluster page's content, cut into named pieces, so that only pieces that
 * changed are sent again: `cluster`, `failovers`, and for each member
 * `member NAME`, for each stand-alone proxy that tells, `proxy NAME`. Texts are
 * cut to size here; that they are text and no markup is the page's business.
 */
import {
  decodeFailovers,
  failoverItem,
} from "../core/codec/failovers_codec.ts";
import { encodeJson, type JsonObject, readText } from "../core/codec/json.ts";
import { settingsIn } from "../core/codec/settings_codec.ts";
import {
  clusterDocument,
  isPausedIn,
  type MemberDocument,
  synchronousModeOf,
} from "../core/calc/documents/cluster_document.ts";
import { phasesOf } from "../core/calc/documents/failovers.ts";
import { takeoverVerdicts, type Verdict } from "../core/calc/lead/verdicts.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { MemberName } from "../core/model/member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import { lastChangeLine, lossLine, verdictLine } from "../core/verdict_text.ts";
import type { MemberLook, ProxyLook } from "../ports/onlooker.ts";
import {
  decodeOwnFacts,
  encodeOwnFacts,
  type ProxyFacts,
} from "./own_facts.ts";
import { shownUpstream } from "./upstream.ts";

/** More rows than anybody reads; who fills the store fills no browser. */
const MEMBERS_MAX = 500;
const TEXT_LENGTH_MAX = 400;

/** Pieces by name, each as JSON. */
export type Sections = ReadonlyMap<string, string>;

/** Where the content comes from. */
export interface SectionFacts {
  readonly scope: string;
  /** Who shows the page, as text. */
  readonly shownBy: string;
  /** The last that is known; null: the store was never read. */
  readonly view: ClusterView | null;
  /** Since when the store does not answer, milliseconds since the epoch; null: it does. */
  readonly storeAwaySinceMs: number | null;
  /** What members told when they were asked last. */
  readonly looks: readonly MemberLook[];
  /** What stand-alone proxies told; absent: none is known. */
  readonly proxies?: readonly ProxyLook[];
  /** The proxy that shows the page, if no member tells of it. */
  readonly proxy: { readonly name: string; readonly facts: ProxyFacts } | null;
  /** Actions may be asked for, with the credentials of the REST API. */
  readonly hasActions: boolean;
}

/** All pieces. */
export function clusterSections(facts: SectionFacts): Sections {
  const { view, looks, proxy } = facts;
  const pieces = new Map<string, string>();
  const put = (name: string, value: JsonObject | readonly unknown[]): void => {
    pieces.set(name, encodeJson(value));
  };
  const answers = looks.map(({ answer }) => answer);
  const verdicts = view === null
    ? []
    : takeoverVerdicts({ view, answers, isPlanned: false });
  put("cluster", clusterPiece(facts, { answers, verdicts }));
  if (view !== null) {
    put("failovers", failoversPiece(view));
    const document = clusterDocument(view);
    const told = { view, verdicts, answers, looks };
    for (const each of document.members.slice(0, MEMBERS_MAX)) {
      put(`member ${each.name}`, memberPiece(each, told));
    }
    for (const each of absent(verdicts, document.members)) {
      put(`member ${each.name}`, absentPiece(each, told));
    }
  }
  for (const look of facts.proxies ?? []) {
    put(`proxy ${look.name}`, proxyPiece(look));
  }
  if (proxy !== null) put(`proxy ${proxy.name}`, { ...proxy.facts });
  return pieces;
}

function proxyPiece(look: ProxyLook): JsonObject {
  return look.kind === "silent" ? { silence: short(look.detail) } : {
    ...{ sessions: look.sessions, held: look.held },
    version: short(look.version),
  };
}

/** What changed from one content to the next; null: nothing. */
export function sectionsChange(
  before: Sections,
  now: Sections,
): { readonly set: Sections; readonly gone: readonly string[] } | null {
  const set = new Map(
    [...now].filter(([name, text]) => before.get(name) !== text),
  );
  const gone = [...before.keys()].filter((name) => !now.has(name));
  return set.size === 0 && gone.length === 0 ? null : { set, gone };
}

interface Judged {
  readonly answers: readonly PeerAnswer[];
  readonly verdicts: readonly Verdict[];
}

function clusterPiece(
  { scope, shownBy, view, storeAwaySinceMs, hasActions }: SectionFacts,
  { answers, verdicts }: Judged,
): JsonObject {
  const head = {
    ...{ scope, shown_by: shownBy },
    store_away_since_ms: storeAwaySinceMs,
    actions: hasActions,
  };
  if (view === null) return { ...head, known: false };
  const document = view.config?.document ?? {};
  const { leader, candidate, scheduledAt } = view.failover ?? {};
  const { sync } = view;
  return {
    ...{ ...head, known: true },
    leader: view.leader?.name ?? null,
    paused: isPausedIn(document),
    last_change: short(lastChangeLine(view)),
    loss: short(lossLine(view, answers, verdicts)),
    request: view.failover === null ? null : {
      leader: leader ?? null,
      candidate: candidate ?? null,
      at: scheduledAt ?? null,
    },
    sync: {
      mode: synchronousModeOf(document),
      leader: sync.leader,
      standbys: sync.standbys.slice(0, MEMBERS_MAX),
      quorum: sync.quorum,
    },
    members: view.members.length,
  };
}

/** Newest first; with the moment of the first proxy among the phases. */
function failoversPiece(view: ClusterView): readonly unknown[] {
  return decodeFailovers(view.failovers?.text ?? null).toReversed()
    .map((record) => failoverItem({ ...record, phases: phasesOf(record) }));
}

interface Told extends Judged {
  readonly view: ClusterView;
  readonly looks: readonly MemberLook[];
}

function memberPiece(shown: MemberDocument, told: Told): JsonObject {
  const { view, looks } = told;
  const { name } = shown;
  const member = view.members.find((each) => each.name === name);
  const look = looks.find(({ answer }) => answer.name === name);
  const own = decodeOwnFacts(look?.factsText ?? "");
  const upstream = member === undefined
    ? null
    : shownUpstream(member, view, own);
  return {
    ...{ name, role: shown.role, state: short(shown.state) },
    ...{ host: shown.host, port: shown.port, timeline: shown.timeline },
    version: short(member?.version ?? ""),
    upstream: upstream?.name ?? null,
    streams: short(upstream?.text ?? ""),
    is_stream_odd: upstream?.isAsWanted === false,
    receive_lag: shown.receive_lag,
    replay_lag: shown.replay_lag,
    pending: Object.keys(shown.pending_restart_reason ?? {}).slice(0, 50)
      .map(short),
    is_pending: shown.pending_restart === true,
    scheduled_restart: readText(member?.scheduledRestart?.["schedule"])
      ?.slice(0, TEXT_LENGTH_MAX) ?? null,
    tags: short(encodeJson(member?.tags.published ?? {})),
    silence: look?.answer.kind === "silent" ? short(look.answer.detail) : null,
    own: own === null ? null : encodeOwnFacts(own),
    ...verdictFields(name, told),
  };
}

function absentPiece({ name }: Verdict, told: Told): JsonObject {
  return {
    name,
    ...{ role: "absent", state: "no member key", silence: null, own: null },
    upstream: null,
    ...verdictFields(name, told),
  };
}

function absent(
  verdicts: readonly Verdict[],
  members: readonly MemberDocument[],
): readonly Verdict[] {
  const names = new Set(members.map(({ name }) => name));
  return verdicts.filter(({ name }) => !names.has(name)).slice(0, MEMBERS_MAX);
}

function verdictFields(
  name: MemberName,
  { view, verdicts, answers }: Told,
): JsonObject {
  const verdict = verdicts.find((each) => each.name === name);
  if (verdict === undefined) return {};
  const line = verdictLine(verdict, answers, settingsIn(view).ttlMs);
  return {
    verdict: verdict.kind,
    reason: short(line.slice(name.length + ": ".length)),
  };
}

function short(text: string): string {
  return text.slice(0, TEXT_LENGTH_MAX);
}
