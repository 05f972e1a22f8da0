/** `list` and `topology`: the members of clusters, once or again and again. */
import { decodeClusterView } from "../../core/codec/cluster_view_codec.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { witnessesOf } from "../../setup/authority_record.ts";
import { authorityIn } from "../../setup/store_keys.ts";
import { storeCaution } from "../../config/stores/all.ts";
import { clusterReport } from "../cluster_report.ts";
import {
  AUTO_WATCH_OPTION,
  type CommandDefinition,
  FORMAT_OPTION,
  GROUP_OPTION,
  WATCH_OPTION,
} from "../definition.ts";
import type { Invocation } from "../invocation.ts";
import { type OutputFormat, outputFormat } from "../output.ts";
import { log, print, type Session, withStore } from "../session.ts";
import { localTime } from "../timestamps.ts";

const CLEAR_SCREEN = "\x1b[2J\x1b[1;1H";
const AUTO_WATCH_S = 2;
const LIMITS: DcsLimits = { timeoutMs: 10_000 };

/** `list`. */
export const LIST_COMMAND: CommandDefinition = {
  name: "list",
  summary: "Show the members of clusters",
  arguments: [{ name: "CLUSTER_NAMES", arity: "any" }],
  options: [
    GROUP_OPTION,
    {
      flags: ["--extended", "-e"],
      value: "none",
      help: "Show the extra columns, even if they are empty",
    },
    {
      flags: ["--timestamp", "-t"],
      value: "none",
      help: "Print the time first",
    },
    FORMAT_OPTION,
    AUTO_WATCH_OPTION,
    WATCH_OPTION,
  ],
  run: (invocation, session) =>
    watch(invocation, session, outputFormat(invocation.text("--format"))),
};

/** `topology`. */
export const TOPOLOGY_COMMAND: CommandDefinition = {
  name: "topology",
  summary: "Show the members of clusters as a tree of replication",
  arguments: [{ name: "CLUSTER_NAMES", arity: "any" }],
  options: [GROUP_OPTION, AUTO_WATCH_OPTION, WATCH_OPTION],
  run: (invocation, session) => watch(invocation, session, "topology"),
};

async function watch(
  invocation: Invocation,
  session: Session,
  format: OutputFormat,
): Promise<void> {
  const names = clusterNames(invocation, session);
  if (names.length === 0) {
    log(session, "WARNING", "Listing members: No cluster names were provided");
    return;
  }
  const seconds = invocation.number("-w") ??
    (invocation.has("-W") ? AUTO_WATCH_S : null);
  const { terminal, clock } = session.context;
  for (;;) {
    if (seconds !== null && terminal.isOutputTty) terminal.write(CLEAR_SCREEN);
    await showRound(session, invocation, { names, format });
    if (seconds === null) return;
    await clock.sleep(Math.max(0, seconds) * 1000);
  }
}

function clusterNames(
  { positionals }: Invocation,
  { settings }: Session,
): readonly string[] {
  if (positionals.length > 0) return positionals;
  return settings.scope === null ? [] : [settings.scope];
}

async function showRound(
  session: Session,
  invocation: Invocation,
  { names, format }: { names: readonly string[]; format: OutputFormat },
): Promise<void> {
  if (invocation.has("--timestamp")) {
    print(session, localTime(session.context.clock.wallTimeMs()).text);
  }
  const group = invocation.number("--group") ?? session.settings.citusGroup;
  const isExtended = invocation.has("--extended");
  const caution = storeCaution(session.settings.dcs);
  for (const cluster of names) {
    const snapshot = await withStore(
      session,
      { name: cluster, group },
      (dcs) => dcs.readFresh(LIMITS),
    );
    const witnesses = witnessesOf(authorityIn(snapshot));
    session.context.terminal.write(
      clusterReport(decodeClusterView(snapshot), {
        ...{ cluster, group, format, isExtended, caution, witnesses },
      }),
    );
  }
}
