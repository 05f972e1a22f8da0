/**
 * The rows of the member table: which columns there are, and what stands in
 * each cell. How they are printed is decided in `output.ts`.
 *
 * Source: docs/contract/cli.md A5.
 */
import { roundHalfEven } from "../core/base/scalars.ts";
import type {
  ClusterDocument,
  MemberDocument,
} from "../core/calc/documents/cluster_document.ts";
import {
  type ConfigMap,
  textForm,
} from "../core/calc/documents/config_merge.ts";

/** A column of a printable table. */
export interface RowColumn {
  /** Name in tsv, json and yaml. */
  readonly name: string;
  /** Name in the drawn table. */
  readonly title: string;
  readonly align: "left" | "right";
}

/** Cells by column name; numbers and maps stay what they are. */
export type Row = Readonly<Record<string, unknown>>;

/** Rows with their columns in order. */
export interface Rows {
  readonly columns: readonly RowColumn[];
  readonly rows: readonly Row[];
}

/** What the rows show besides the members. */
export interface RowOptions {
  readonly cluster: string;
  /** Citus group; null: none. */
  readonly group: number | null;
  /** Members of which rows are made; all of the document by default. */
  readonly shown?: readonly MemberDocument[];
  /** The extra columns, even if they are empty. */
  readonly isExtended: boolean;
}

const REASON_LENGTH_MAX = 50;
const MIB = 1024 * 1024;
const POSTGRES_PORT = 5432;

const BASE_COLUMNS: readonly RowColumn[] = [
  left("Member"),
  left("Host"),
  left("Role"),
  left("State"),
  right("TL"),
  right("Receive LSN"),
  { name: "Receive Lag", title: "Lag", align: "right" },
  right("Replay LSN"),
  { name: "Replay Lag", title: "Lag", align: "right" },
];

const EXTRA_COLUMNS = [
  "Pending restart",
  "Pending restart reason",
  "Scheduled restart",
  "Tags",
] as const;

/** A left-aligned column that has one name everywhere. */
export function left(name: string): RowColumn {
  return { name, title: name, align: "left" };
}

/** A right-aligned column that has one name everywhere. */
export function right(name: string): RowColumn {
  return { name, title: name, align: "right" };
}

/**
 * The member table of a cluster, members in the document's order. Which columns
 * there are depends on all members, also on those that are not shown.
 */
export function memberRows(
  document: ClusterDocument,
  { cluster, group, isExtended, shown = document.members }: RowOptions,
): Rows {
  const { members } = document;
  const withPort = isPortShown(members);
  const rowOf = (member: MemberDocument): Row => ({
    Cluster: cluster,
    Group: group,
    ...memberRow(member, withPort),
  });
  const extra = EXTRA_COLUMNS.filter((name) =>
    isExtended ||
    members.some((member) =>
      member.host !== undefined && textForm(rowOf(member)[name] ?? "") !== ""
    )
  );
  const columns = [
    left("Cluster"),
    ...(group === null ? [] : [right("Group")]),
    ...BASE_COLUMNS,
    ...extra.map(left),
  ];
  return { columns, rows: shown.map(rowOf) };
}

/** A reason in its drawn form, where long ones are hidden. */
export function shortReason(reason: unknown): string {
  return String(reason).split("\n").map((line) => {
    if (line.length <= REASON_LENGTH_MAX) return line;
    return `${line.slice(0, line.indexOf(":"))}: [hidden - too long]`;
  }).join("\n");
}

/** A published role as people read it: `Sync Standby`. */
function roleTitle(role: string): string {
  return role.split("_")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join(" ");
}

function memberRow(member: MemberDocument, withPort: boolean): ConfigMap {
  const { receive, replay } = positions(member);
  return {
    Member: member.name,
    Host: hostText(member, withPort),
    Role: roleTitle(member.role),
    State: member.state,
    TL: member.timeline ?? "",
    "Receive LSN": receive.lsn,
    "Receive Lag": lagMb(receive.lag),
    "Replay LSN": replay.lsn,
    "Replay Lag": lagMb(replay.lag),
    "Pending restart": member.pending_restart === true ? "*" : "",
    "Pending restart reason": reasonText(member),
    "Scheduled restart": scheduledRestartText(member),
    Tags: member.tags ?? "",
  };
}

function isPortShown(members: readonly MemberDocument[]): boolean {
  const hosts = members.flatMap(({ host }) => host === undefined ? [] : [host]);
  return new Set(hosts).size < hosts.length ||
    members.some(({ host, port }) =>
      host !== undefined && port !== POSTGRES_PORT
    );
}

function hostText({ host, port }: MemberDocument, withPort: boolean): string {
  if (host === undefined) return "";
  return withPort ? `${host}:${port}` : host;
}

interface Position {
  readonly lsn: string;
  readonly lag: number | "unknown" | "";
}

/** Old agents publish one position only; it is the one they stream or replay. */
function positions(
  member: MemberDocument,
): { readonly receive: Position; readonly replay: Position } {
  const receive: Position = {
    lsn: member.receive_lsn ?? "",
    lag: member.receive_lag ?? "",
  };
  const replay: Position = {
    lsn: member.replay_lsn ?? "",
    lag: member.replay_lag ?? "",
  };
  const isOld = receive.lsn === "unknown" && replay.lsn === "unknown" &&
    member.lsn !== undefined && member.lsn !== "unknown";
  if (!isOld) return { receive, replay };
  const only: Position = { lsn: member.lsn, lag: member.lag ?? "" };
  return member.state === "streaming"
    ? { receive: only, replay }
    : { receive, replay: only };
}

function lagMb(lag: Position["lag"]): number | "" {
  return typeof lag === "number" ? roundHalfEven(lag / MIB) : "";
}

function reasonText(
  { pending_restart_reason: reasons }: MemberDocument,
): string {
  return Object.entries(reasons ?? {})
    .map(([name, { old_value, new_value }]) =>
      `${name}: ${old_value}->${new_value}`
    )
    .join("\n");
}

function scheduledRestartText({ scheduled_restart }: MemberDocument): string {
  if (scheduled_restart === undefined) return "";
  const version = scheduled_restart["postgres_version"] ?? "";
  const condition = version === "" ? "" : ` if version < ${textForm(version)}`;
  return `${textForm(scheduled_restart["schedule"] ?? "")}${condition}`;
}
