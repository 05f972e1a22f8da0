/** The first page of `top`: one row per member, and what would happen now. */
import { refusalText } from "../../core/verdict_text.ts";
import { cell, columnsOf } from "./columns_of_text.ts";
import { rowsOf, type TopFacts, type TopRow } from "./facts.ts";
import { type Line, line, type Look } from "./frame.ts";

/** One column; the last one takes what is left. */
interface TopColumn {
  readonly title: string;
  readonly columns: number;
  readonly align: "left" | "right";
  readonly text: (row: TopRow) => string;
}

const NAME_COLUMNS = { min: 6, max: 12, wide: 24 };
/** From here on there is room for long names. */
const WIDE = 110;
/** `no: not_synchronous` */
const TAKEOVER_COLUMNS = 19;
/** Deeper trees are drawn no deeper. */
const DEPTH_MAX = 4;

const ROLES: Readonly<Record<string, string>> = {
  standby_leader: "stby lead",
  sync_standby: "sync",
  quorum_standby: "quorum",
};

/** In the order in which they stand; those that are wanted least have the highest number. */
const DETAILS: readonly (TopColumn & { readonly dropped: number })[] = [
  { title: "ROLE", columns: 9, align: "left", text: roleText, dropped: 0 },
  {
    ...{ title: "STATE", columns: 10, align: "left", dropped: 2 },
    text: ({ document }) => document?.state || "?",
  },
  {
    ...{ title: "TL", columns: 3, align: "right", dropped: 3 },
    text: ({ document }) => String(document?.timeline ?? ""),
  },
  { title: "LAG", columns: 9, align: "right", text: lagText, dropped: 1 },
  {
    ...{ title: "SESS", columns: 5, align: "right", dropped: 4 },
    text: ({ own }) => own?.proxy ? String(own.proxy.sessions) : "-",
  },
  {
    ...{ title: "WAIT", columns: 5, align: "right", dropped: 5 },
    text: ({ own }) => own?.proxy ? String(own.proxy.held) : "-",
  },
];

/** The rows; the first is the table's head. */
export function memberLines(
  facts: TopFacts,
  columns: number,
): readonly [Line, ...Line[]] {
  const rows = rowsOf(facts);
  const table = tableFor(rows, columns);
  const textOf = (texts: readonly string[]): string =>
    texts.map((text, index) => cell(text, table[index] ?? EMPTY)).join(" ");
  const head = textOf(table.map(({ title }) => title));
  return [
    line(cell(head, { columns, align: "left" }), "bar"),
    ...rows.map((row) =>
      line(textOf(table.map(({ text }) => text(row))), lookOf(row))
    ),
  ];
}

const EMPTY = { columns: 0, align: "left" } as const;

function tableFor(
  rows: readonly TopRow[],
  columns: number,
): readonly TopColumn[] {
  const longest = rows.reduce(
    (most, row) => Math.max(most, columnsOf(nameText(row).slice(0, 64))),
    NAME_COLUMNS.min,
  );
  const name: TopColumn = {
    title: "MEMBER",
    columns: Math.min(
      longest,
      columns < WIDE ? NAME_COLUMNS.max : NAME_COLUMNS.wide,
    ),
    align: "left",
    text: nameText,
  };
  let kept = DETAILS;
  const left = (): number =>
    columns - kept.reduce((sum, each) => sum + each.columns + 1, 0) -
    name.columns - 1;
  while (left() < TAKEOVER_COLUMNS && kept.length > 1) {
    const worst = Math.max(...kept.map(({ dropped }) => dropped));
    kept = kept.filter(({ dropped }) => dropped !== worst);
  }
  const takeover: TopColumn = {
    title: "COULD TAKE OVER",
    columns: Math.max(0, left()),
    align: "left",
    text: takeoverText,
  };
  return [name, ...kept, takeover];
}

function nameText({ name, depth }: TopRow): string {
  const indent = "  ".repeat(Math.max(0, Math.min(depth, DEPTH_MAX) - 1));
  return depth === 0 ? name : `${indent}+ ${name}`;
}

function roleText({ document }: TopRow): string {
  const role = document?.role ?? "absent";
  return ROLES[role] ?? role;
}

function lagText({ document }: TopRow): string {
  const lag = document?.replay_lag;
  return typeof lag === "number"
    ? bytesText(lag)
    : lag === undefined
    ? ""
    : "?";
}

/** `0 B`, `1.5 MB`; as the page in the browser. */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [amount, unit] = [bytes, 0];
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit++;
  }
  return `${amount.toFixed(unit === 0 ? 0 : 1)} ${units[unit] ?? ""}`;
}

function takeoverText({ verdict, silence }: TopRow): string {
  if (verdict === null) return "asking";
  switch (verdict.kind) {
    case "leads":
      return silence === null ? "leads" : `leads, silent: ${silence}`;
    case "can":
      return "yes";
    case "cannot":
      return `no: ${refusalText(verdict)}`;
  }
}

function lookOf({ verdict, silence }: TopRow): Look {
  if (silence !== null) return "bad";
  if (verdict?.kind === "leads") return "strong";
  return verdict?.kind === "cannot" ? "soft" : "plain";
}
