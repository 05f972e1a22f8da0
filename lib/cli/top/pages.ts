/** The pages of `top`, each with its head and its foot. */
import {
  clusterDocument,
  isPausedIn,
  synchronousModeOf,
} from "../../core/calc/documents/cluster_document.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import {
  lastChangeLine,
  lossLine,
  requestLine,
} from "../../core/verdict_text.ts";
import { localTime } from "../timestamps.ts";
import { columnsOf, cut, wrapped } from "./columns_of_text.ts";
import { answersIn, type TopFacts, verdictsIn } from "./facts.ts";
import { type Frame, type Line, line, type Look } from "./frame.ts";
import type { TopPage } from "./keys.ts";
import { memberLines } from "./members_page.ts";
import { detailLines, explainLines, historyLines } from "./text_pages.ts";

/** Rows that one text of head or foot takes at most. */
const TEXT_ROWS_MAX = 3;
const NAMES_LENGTH_MAX = 400;

const KEYS = "m members  d details  e explain  h history  s switchover  q quit";

/** That page for a terminal of so many columns. */
export function pageFrame(
  facts: TopFacts,
  page: TopPage,
  columns: number,
): Frame {
  const { view } = facts;
  const alerts = alertLines(facts, columns);
  const head = [titleLine(facts, columns), ...alerts];
  const keys = line(KEYS, "soft");
  if (view === null) return { head, body: [], foot: [keys] };
  switch (page) {
    case "members": {
      const [bar, ...body] = memberLines(facts, columns);
      return {
        head: [...head, bar],
        body: body.length === 0 ? [line("There are no members")] : body,
        foot: [...outlookLines(facts, columns), keys],
      };
    }
    case "details":
      return { head, body: detailLines(facts, columns), foot: [keys] };
    case "explain":
      return { head, body: explainLines(facts, columns), foot: [keys] };
    case "history":
      return { head, body: historyLines(facts, columns), foot: [keys] };
  }
}

/** Which cluster, who leads, and of when that is. */
function titleLine(facts: TopFacts, columns: number): Line {
  const { cluster, group, view, readAtMs } = facts;
  const name = `${cluster.slice(0, 60)}${group === null ? "" : `/${group}`}`;
  const what = view === null ? "not read yet" : clusterText(view);
  const [, time = ""] = view === null
    ? []
    : localTime(readAtMs).text.split(" ");
  const left = cut(`${name}: ${what}`, Math.max(0, columns - time.length - 1));
  const gap = Math.max(0, columns - columnsOf(left) - time.length);
  return line(`${left}${" ".repeat(gap)}${time}`, "strong");
}

function clusterText(view: ClusterView): string {
  const mode = synchronousModeOf(view.config?.document ?? {});
  const { leader, sync, members } = view;
  const names = sync.standbys.slice(0, 50).join(", ") || "nobody";
  const synchronous = mode === "off"
    ? ""
    : `, synchronous${mode === "quorum" ? ` (quorum ${sync.quorum})` : ""}: ` +
      names;
  return `${leader === null ? "nobody leads" : `${leader.name} leads`}, ` +
    `${members.length} members${synchronous}`;
}

function alertLines(facts: TopFacts, columns: number): readonly Line[] {
  const { view, storeError, caution } = facts;
  const texts: readonly (readonly [string | null, Look])[] = [
    [
      storeError === null
        ? null
        : `The store does not answer, this is what was known: ${storeError}`,
      "bad",
    ],
    ...(view === null ? [] : viewAlerts(view)),
    [caution, "soft"],
  ];
  return texts.flatMap(([text, look]) =>
    text === null ? [] : bounded(text, { columns, look })
  );
}

function viewAlerts(
  view: ClusterView,
): readonly (readonly [string | null, Look])[] {
  const { members } = clusterDocument(view);
  const pending = members.filter((each) => each.pending_restart === true);
  const scheduled = members.filter((each) =>
    each.scheduled_restart !== undefined
  );
  return [
    [
      isPausedIn(view.config?.document ?? {}) ? "Maintenance mode: on" : null,
      "bad",
    ],
    [requestLine(view), "bad"],
    [namesText("Waiting for a restart", pending), "bad"],
    [namesText("A restart is scheduled of", scheduled), "soft"],
  ];
}

function namesText(
  what: string,
  members: readonly { readonly name: string }[],
): string | null {
  if (members.length === 0) return null;
  const names = members.slice(0, 50).map(({ name }) => name).join(", ");
  return `${what}: ${names.slice(0, NAMES_LENGTH_MAX)}`;
}

/** What would be lost now, and what happened last. */
function outlookLines(facts: TopFacts, columns: number): readonly Line[] {
  const { view, looks } = facts;
  if (view === null) return [];
  const loss = looks === null
    ? []
    : [lossLine(view, answersIn(facts), verdictsIn(facts))];
  return [...loss, lastChangeLine(view)].flatMap((text) =>
    bounded(text, { columns, look: "plain" })
  );
}

function bounded(
  text: string,
  { columns, look }: { readonly columns: number; readonly look: Look },
): readonly Line[] {
  return wrapped(text, columns).slice(0, TEXT_ROWS_MAX)
    .map((each) => line(each, look));
}
