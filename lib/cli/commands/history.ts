/** `history`: when the cluster changed its timeline, and who led then. */
import {
  decodeFailovers,
  failoverItem,
} from "../../core/codec/failovers_codec.ts";
import { visible } from "../../core/base/visible.ts";
import type {
  ClusterView,
  HistoryLine,
} from "../../core/model/cluster_view.ts";
import type { FailoverRecord } from "../../core/model/failover.ts";
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  FORMAT_OPTION,
  GROUP_OPTION,
} from "../definition.ts";
import { failoverLines } from "../failover_text.ts";
import { left, right, type Row } from "../member_rows.ts";
import { outputFormat, printedRows } from "../output.ts";
import { print, withCluster } from "../session.ts";

/** `history`. */
export const HISTORY_COMMAND: CommandDefinition = {
  name: "history",
  summary: "Show when the leader changed",
  arguments: [CLUSTER_ARGUMENT],
  options: [GROUP_OPTION, FORMAT_OPTION, {
    flags: ["--verbose", "-v"],
    value: "none",
    help: "Also why, how long it took, and what clients felt",
  }],
  run: (invocation, session) =>
    withCluster(session, invocation, async (scope) => {
      const view = await scope.read();
      const format = outputFormat(invocation.text("--format"));
      const isVerbose = invocation.has("--verbose");
      const records = isVerbose
        ? decodeFailovers(view.failovers?.text ?? null)
        : [];
      const isItem = isVerbose && format !== "pretty";
      session.context.terminal.write(
        printedRows({
          columns: isItem ? [...COLUMNS, left("Failover")] : COLUMNS,
          rows: historyRows(view, isItem ? records : []),
        }, { format, title: null, emptyCells: "kept" }),
      );
      if (isItem) return;
      for (const line of records.flatMap(failoverLines)) {
        print(session, visible(line));
      }
    }),
};

const COLUMNS = [
  right("TL"),
  right("LSN"),
  left("Reason"),
  left("Timestamp"),
  left("New Leader"),
];

function historyRows(
  { history }: ClusterView,
  records: readonly FailoverRecord[],
): readonly Row[] {
  return (history ?? []).map((line) => {
    const record = records.findLast((each) => isOf(each, line));
    return {
      TL: line.timeline,
      LSN: line.switchpoint,
      Reason: line.reason,
      Timestamp: line.timestamp ?? "",
      "New Leader": line.newLeader ?? "",
      Failover: record === undefined ? null : failoverItem(record),
    };
  });
}

function isOf(record: FailoverRecord, line: HistoryLine): boolean {
  return record.timeline === line.timeline + 1 &&
    (line.newLeader === null || line.newLeader === record.leader);
}
