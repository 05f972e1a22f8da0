/** What `top` knows at a moment, and the rows that follow from it. */
import {
  clusterDocument,
  type MemberDocument,
} from "../../core/calc/documents/cluster_document.ts";
import {
  takeoverVerdicts,
  type Verdict,
} from "../../core/calc/lead/verdicts.ts";
import { type ClusterView, memberOf } from "../../core/model/cluster_view.ts";
import type { MemberName } from "../../core/model/member.ts";
import type { PeerAnswer } from "../../core/model/peer_view.ts";
import type { MemberLook } from "../../ports/onlooker.ts";
import { decodeOwnFacts, type OwnFacts } from "../../ui/own_facts.ts";
import { type ShownUpstream, shownUpstream } from "../../ui/upstream.ts";

/** Who fills the store fills no terminal. */
const ROWS_MAX = 500;

/** All of it. */
export interface TopFacts {
  readonly cluster: string;
  /** Citus group; null: none. */
  readonly group: number | null;
  /** The last that is known; null: the store was not read yet. */
  readonly view: ClusterView | null;
  /** When that was read, milliseconds since the epoch. */
  readonly readAtMs: number;
  /** Why the store does not answer now; null: it does. */
  readonly storeError: string | null;
  /** What members told when they were asked last; null: they were not yet. */
  readonly looks: readonly MemberLook[] | null;
  /** Bytes behind in the last ten minutes by member, oldest first; null: not known. */
  readonly lag: Readonly<Record<string, readonly (number | null)[]>>;
  /** What should be known of the store; null: nothing. */
  readonly caution: string | null;
  /** What `explain` says; null: it was not asked yet. */
  readonly explanation: readonly string[] | null;
}

/** One member as it is shown. */
export interface TopRow {
  readonly name: MemberName;
  /** How many members are between it and the leader. */
  readonly depth: number;
  /** Null: other keys name it, its own is gone. */
  readonly document: MemberDocument | null;
  /** Null: the members were not asked yet. */
  readonly verdict: Verdict | null;
  /** What it tells of itself; null: nothing. */
  readonly own: OwnFacts | null;
  /** Whom it streams from, for people; null: not told, or nothing to be said. */
  readonly streams: string | null;
  /** Why it does not answer; null: it does, or was not asked yet. */
  readonly silence: string | null;
}

/** What members answered, as a race would hear it. */
export function answersIn({ looks }: TopFacts): readonly PeerAnswer[] {
  return (looks ?? []).map(({ answer }) => answer);
}

/** The verdict on each member; none before they were asked. */
export function verdictsIn(facts: TopFacts): readonly Verdict[] {
  const { view, looks } = facts;
  if (view === null || looks === null) return [];
  return takeoverVerdicts({
    view,
    answers: answersIn(facts),
    isPlanned: false,
  });
}

/** The members in the order of the tree of replication, those without a key last. */
export function rowsOf(facts: TopFacts): readonly TopRow[] {
  const { view } = facts;
  if (view === null) return [];
  const documents = clusterDocument(view).members.slice(0, ROWS_MAX);
  const verdicts = new Map(verdictsIn(facts).map((each) => [each.name, each]));
  const looks = new Map(
    (facts.looks ?? []).map((look) => [look.answer.name, look]),
  );
  const owns = new Map(
    [...looks].map(([name, { factsText }]) => [
      ...[name, decodeOwnFacts(factsText ?? "")] as const,
    ]),
  );
  const upstreamOf = (name: MemberName): ShownUpstream | null => {
    const member = memberOf(view, name);
    const own = owns.get(name) ?? null;
    return member === null ? null : shownUpstream(member, view, own);
  };
  const rowOf = (
    name: MemberName,
    depth: number,
    document: MemberDocument | null,
  ): TopRow => {
    const look = looks.get(name) ?? null;
    return {
      ...{ name, depth, document },
      verdict: verdicts.get(name) ?? null,
      own: owns.get(name) ?? null,
      streams: upstreamOf(name)?.text ?? null,
      silence: look?.answer.kind === "silent" ? look.answer.detail : null,
    };
  };
  const present = new Set(documents.map(({ name }) => name));
  const absent = [...verdicts.keys()].filter((name) => !present.has(name));
  return [
    ...inTree(documents, { view, upstreamOf }).map(({ document, depth }) =>
      rowOf(document.name, depth, document)
    ),
    ...absent.slice(0, ROWS_MAX).map((name) => rowOf(name, 0, null)),
  ];
}

interface Placed {
  readonly document: MemberDocument;
  readonly depth: number;
}

/** Each below the one that it follows; who follows nobody that is shown stands at the edge. */
function inTree(
  documents: readonly MemberDocument[],
  { view, upstreamOf }: {
    readonly view: ClusterView;
    readonly upstreamOf: (name: MemberName) => ShownUpstream | null;
  },
): readonly Placed[] {
  const shown = new Set(documents.map(({ name }) => name));
  const below = new Map<MemberName | null, MemberDocument[]>();
  for (const document of documents) {
    const upstream = upstreamOf(document.name)?.name ?? null;
    const key = upstream !== null && shown.has(upstream) ? upstream : null;
    below.set(key, [...below.get(key) ?? [], document]);
  }
  const placed: Placed[] = [];
  const leader = view.leader?.name ?? null;
  const roots = (below.get(null) ?? []).toSorted((one, other) =>
    Number(other.name === leader) - Number(one.name === leader)
  );
  // A chain may be as long as there are members: no recursion.
  const left = roots.toReversed().map((document) => ({ document, depth: 0 }));
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    placed.push(next);
    const depth = next.depth + 1;
    const children = below.get(next.document.name) ?? [];
    left.push(
      ...children.toReversed().map((document) => ({ document, depth })),
    );
  }
  // What members tell is of different moments: they may follow each other.
  const inCircle = documents.filter((document) =>
    !placed.some((each) => each.document === document)
  );
  return [...placed, ...inCircle.map((document) => ({ document, depth: 0 }))];
}
