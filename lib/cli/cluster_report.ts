/**
 * What every command shows of a cluster: title, table and footer. The columns
 * are `member_rows.ts`, the formats `output.ts`.
 *
 * Source: docs/contract/cli.md A5, "Order, title, footer, drawing".
 */
import { visible } from "../core/base/visible.ts";
import {
  type ClusterDocument,
  clusterDocument,
  type MemberDocument,
} from "../core/calc/documents/cluster_document.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import { memberRows } from "./member_rows.ts";
import { type OutputFormat, printedRows } from "./output.ts";

/** How a cluster is reported. */
export interface ReportOptions {
  readonly cluster: string;
  /** Citus group; null: none. */
  readonly group: number | null;
  readonly format: OutputFormat;
  readonly isExtended: boolean;
  /** What should be known of the store; null: nothing. */
  readonly caution: string | null;
  /** Hosts that vote in the store and have no PostgreSQL. */
  readonly witnesses: readonly string[];
}

const LABEL_END_COLUMN = 24;

/** The report, ending in a newline. */
export function clusterReport(
  view: ClusterView,
  options: ReportOptions,
): string {
  const { format } = options;
  const document = clusterDocument(view);
  const shown = format === "topology"
    ? asTree(document.members)
    : document.members;
  const rows = memberRows(document, { ...options, shown });
  const table = printedRows(rows, {
    format,
    title: titleOf(view, options),
    emptyCells: "left_out",
  });
  const isDrawn = format === "pretty" || format === "topology";
  return isDrawn ? table + footer(document, options) : table;
}

function titleOf(
  view: ClusterView,
  { cluster, group }: ReportOptions,
): string {
  const id = identityText(view);
  return group === null
    ? `Cluster: ${cluster} (${id})`
    : `Citus cluster: ${cluster} (group: ${group}, ${id})`;
}

function identityText({ initialize }: ClusterView): string {
  switch (initialize.kind) {
    case "absent":
      return "uninitialized";
    case "bootstrapping":
      return "initializing";
    case "initialized":
      return initialize.systemId;
    case "invalid":
      return "invalid";
  }
}

function footer(
  document: ClusterDocument,
  { caution, witnesses }: Pick<ReportOptions, "caution" | "witnesses">,
): string {
  const lines: string[] = [];
  if (witnesses.length > 0) lines.push(` Witness: ${witnesses.join(", ")}`);
  if (caution !== null) lines.push(` ${caution}`);
  if (document.pause === true) lines.push(" Maintenance mode: on");
  const scheduled = document.scheduled_switchover;
  if (scheduled !== undefined) {
    lines.push(` Switchover scheduled at: ${scheduled.at}`);
    for (const label of ["from", "to"] as const) {
      const name = scheduled[label];
      if (name === undefined) continue;
      lines.push(`${label.padStart(LABEL_END_COLUMN)}: ${name}`);
    }
  }
  return lines.map((line) => `${visible(line)}\n`).join("");
}

/**
 * Members as a tree, by whom they replicate from; names carry their depth.
 *
 * A member that replicates from itself through others hangs on nobody and is
 * not shown.
 */
function asTree(members: readonly MemberDocument[]): MemberDocument[] {
  const leader = members.find(isLeader) ?? null;
  const replicas = members.filter((member) => member !== leader);
  const parentOf = (member: MemberDocument): string | null => {
    const source = member.tags?.["replicatefrom"];
    const isKnown = source !== member.name &&
      replicas.some(({ name }) => name === source);
    return isKnown && typeof source === "string" ? source : null;
  };
  const childrenOf = (parent: string | null, depth: number): MemberDocument[] =>
    replicas.filter((member) => parentOf(member) === parent).flatMap(
      (member) => [
        { ...member, name: `${"  ".repeat(depth)}+ ${member.name}` },
        ...childrenOf(member.name, depth + 1),
      ],
    );
  return [...(leader === null ? [] : [leader]), ...childrenOf(null, 0)];
}

function isLeader({ role }: MemberDocument): boolean {
  return role === "leader" || role === "standby_leader";
}
