/** `history`: when the cluster changed its timeline, and who led then. */
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  FORMAT_OPTION,
  GROUP_OPTION,
} from "../definition.ts";
import { left, right } from "../member_rows.ts";
import { outputFormat, printedRows } from "../output.ts";
import { withCluster } from "../session.ts";

/** `history`. */
export const HISTORY_COMMAND: CommandDefinition = {
  name: "history",
  summary: "Show when the leader changed",
  arguments: [CLUSTER_ARGUMENT],
  options: [GROUP_OPTION, FORMAT_OPTION],
  run: (invocation, session) =>
    withCluster(session, invocation, async (scope) => {
      const { history } = await scope.read();
      const rows = (history ?? []).map((line) => ({
        TL: line.timeline,
        LSN: line.switchpoint,
        Reason: line.reason,
        Timestamp: line.timestamp ?? "",
        "New Leader": line.newLeader ?? "",
      }));
      const columns = [
        right("TL"),
        right("LSN"),
        left("Reason"),
        left("Timestamp"),
        left("New Leader"),
      ];
      session.context.terminal.write(printedRows({ columns, rows }, {
        format: outputFormat(invocation.text("--format")),
        title: null,
        emptyCells: "kept",
      }));
    }),
};
