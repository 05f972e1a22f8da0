/** The pages of `top` that are text: details of members, `explain`, and history. */
import { decodeFailovers } from "../../core/codec/failovers_codec.ts";
import { encodeJson } from "../../core/codec/json.ts";
import { formatLsn } from "../../core/base/units.ts";
import { failoverLines } from "../failover_text.ts";
import { wrapped } from "./columns_of_text.ts";
import { rowsOf, type TopFacts, type TopRow } from "./facts.ts";
import type { StoreNodeFacts } from "../../ui/own_facts.ts";
import { type Line, line } from "./frame.ts";
import { bytesText } from "./members_page.ts";

/** Changes of timeline that are listed; the store may have thousands. */
const HISTORY_MAX = 200;
/** How high a lag was, from none to the most of the last ten minutes. */
const HEIGHTS = "_.-:=+*#";
/** Characters of a line of lags. */
const LAG_COLUMNS_MAX = 60;

/** What each member tells of its proxy, guards and store, and how its lag was. */
export function detailLines(
  facts: TopFacts,
  columns: number,
): readonly Line[] {
  return rowsOf(facts).flatMap((row) => {
    const [title = "", ...texts] = detailTexts(row, facts, columns);
    return [
      ...wrapped(title, columns).map((text) => line(text, "strong")),
      ...texts.flatMap((text) => wrapped(`  ${text}`, columns))
        .map((text) => line(text)),
    ];
  });
}

function detailTexts(
  row: TopRow,
  facts: TopFacts,
  columns: number,
): readonly string[] {
  const { name, document, own, silence, streams } = row;
  if (document === null) return [`${short(name)}: it has no member key`];
  const { host, port, state, timeline, tags } = document;
  const at = host === undefined ? "" : `, at ${short(host)}:${port}`;
  const on = timeline === undefined ? "" : `, timeline ${timeline}`;
  return [
    `${short(name)}: ${document.role.replaceAll("_", " ")}, ` +
    `${short(state) || "state not known"}${on}${at}`,
    ...(silence === null ? [] : [`does not answer: ${short(silence)}`]),
    ...(streams === null ? [] : [streams]),
    ...guardTexts(row),
    ...lagTexts(facts.lag[name] ?? [], columns),
    ...pendingTexts(row),
    ...(tags === undefined ? [] : [`tags: ${short(encodeJson(tags))}`]),
    ...(own?.decision ? [`last decision: ${own.decision}`] : []),
  ];
}

function guardTexts({ own }: TopRow): readonly string[] {
  if (own === null) return ["proxy, guards and store: not told"];
  const { proxy, watchdog, vips, store } = own;
  const proxyText = proxy === null
    ? "no proxy"
    : `proxy: ${proxy.sessions} sessions, ${proxy.held} clients wait, fence ` +
      (proxy.isFenceArmed ? "armed" : "not armed");
  const vipTexts = vips.map(({ address, isCarried }) =>
    `${address} is ${isCarried ? "" : "not "}here`
  );
  return [
    [proxyText, `watchdog ${watchdog}`, ...vipTexts].join("; "),
    ...(store === null ? [] : [
      `store: ${store.kind}, ` +
      (store.lastMs === null ? "not called yet" : `${store.lastMs} ms`) +
      `, ${store.failures} failed calls`,
      ...(store.nodes.length === 0 ? [] : [nodesText(store.nodes)]),
    ]),
  ];
}

function nodesText(nodes: readonly StoreNodeFacts[]): string {
  const each = nodes.map(({ address, answerMs, isLeader }) =>
    answerMs === null
      ? `${address} does not answer`
      : `${address} ${answerMs} ms${isLeader ? " (leads)" : ""}`
  );
  return `store nodes: ${each.join(", ")}`;
}

function pendingTexts({ document }: TopRow): readonly string[] {
  const { pending_restart: isPending, pending_restart_reason: reasons } =
    document ?? {};
  const schedule = document?.scheduled_restart?.["schedule"];
  const names = Object.keys(reasons ?? {}).slice(0, 50).join(", ");
  return [
    ...(isPending === true
      ? [`waits for a restart: ${short(names) || "yes"}`]
      : []),
    ...(schedule === undefined
      ? []
      : [`restart at ${short(String(schedule))}`]),
  ];
}

function lagTexts(
  samples: readonly (number | null)[],
  columns: number,
): readonly string[] {
  const known = samples.filter((each) => each !== null);
  if (known.length === 0) return [];
  const most = Math.max(...known);
  const room = Math.max(1, Math.min(LAG_COLUMNS_MAX, columns - 32));
  return [
    `lag, newest last: ${lagLine(samples, room)} most ${bytesText(most)}`,
  ];
}

/** One character for one or several samples, by the highest of them. */
export function lagLine(
  samples: readonly (number | null)[],
  columns: number,
): string {
  const most = Math.max(0, ...samples.map((each) => each ?? 0));
  const per = Math.max(1, Math.ceil(samples.length / columns));
  const groups = Array.from(
    { length: Math.ceil(samples.length / per) },
    (_, index) => samples.slice(index * per, (index + 1) * per),
  );
  return groups.map((group) => {
    const known = group.filter((each) => each !== null);
    if (known.length === 0) return "?";
    const share = most === 0 ? 0 : Math.max(...known) / most;
    return HEIGHTS[Math.ceil(share * (HEIGHTS.length - 1))] ?? "";
  }).join("");
}

/** What `explain` says. */
export function explainLines(
  { explanation }: TopFacts,
  columns: number,
): readonly Line[] {
  return asLines(explanation ?? ["Asking the members ..."], columns);
}

/** The last changes of leader as `history -v` has them, newest first. */
export function historyLines(
  { view }: TopFacts,
  columns: number,
): readonly Line[] {
  const records = decodeFailovers(view?.failovers?.text ?? null).toReversed();
  const changes = (view?.history ?? []).slice(-HISTORY_MAX).toReversed();
  const told = records.flatMap(failoverLines);
  const began = changes.map((each) =>
    `TL ${each.timeline + 1} began after ${
      formatLsn(each.switchpoint)
    } of TL ` +
    `${each.timeline}, ${each.timestamp ?? "time not known"}: ` +
    `${each.newLeader ?? "a member"} (${each.reason})`
  );
  if (told.length + began.length === 0) {
    return [line("There was no failover or switchover yet")];
  }
  return [
    ...asLines(told, columns),
    ...(told.length === 0 ? [] : [line("")]),
    ...asLines(began, columns),
  ];
}

function asLines(texts: readonly string[], columns: number): readonly Line[] {
  return texts.flatMap((text) => wrapped(text, columns))
    .map((text) => line(text));
}

function short(text: string): string {
  return text.slice(0, 400);
}
