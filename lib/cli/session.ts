/**
 * One command's work: its settings, and the scope that it reads and writes.
 *
 * Reads always ask the store itself; the command line has no cache to trust.
 */
import { visible, visibleBlock } from "../core/base/visible.ts";
import { asctime } from "../patroni/log_template.ts";
import { decodeClusterView } from "../core/codec/cluster_view_codec.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsLimits,
  DcsResult,
  DcsWrite,
} from "../ports/dcs.ts";
import { storeCaution } from "../config/stores/all.ts";
import { clusterReport } from "./cluster_report.ts";
import type { CliContext } from "./context.ts";
import { CliError } from "./errors.ts";
import type { Invocation } from "./invocation.ts";
import type { CliSettings } from "./settings.ts";
import { Wanted } from "../config/fields.ts";
import { scopeName } from "../config/names.ts";

const DCS_LIMITS: DcsLimits = { timeoutMs: 10_000 };

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

/** What a command works with. */
export interface Session {
  readonly context: CliContext;
  readonly settings: CliSettings;
}

/** One scope in the DCS, open for the time of a command. */
export interface Scope {
  readonly name: string;
  /** Citus group as asked for; null: none. */
  readonly group: number | null;
  readonly capabilities: DcsCapabilities;
  read(): Promise<ClusterView>;
  write(write: DcsWrite): Promise<DcsResult>;
  /** Deletes every key of the scope. */
  removeAll(): Promise<void>;
}

/** Which scope a command means. */
export interface ScopeName {
  readonly name: string;
  readonly group: number | null;
}

/**
 * Opens the scope for the time of `use`.
 *
 * @throws {CliError} If no cluster can have that name: its keys would be others'.
 * @throws {DcsUnreachableError} If the store does not answer in time.
 */
export function withScope<T>(
  session: Session,
  { name, group }: ScopeName,
  use: (scope: Scope) => Promise<T>,
): Promise<T> {
  return withStore(session, { name, group }, (dcs) =>
    use({
      name,
      group,
      capabilities: dcs.capabilities,
      read: async () => decodeClusterView(await dcs.readFresh(DCS_LIMITS)),
      write: (write) => dcs.write(write, DCS_LIMITS),
      removeAll: () => dcs.removeScope(DCS_LIMITS),
    }));
}

/**
 * The scope's keys themselves, for those that are no part of a view.
 *
 * @throws As {@link withScope}.
 */
export async function withStore<T>(
  session: Session,
  { name, group }: ScopeName,
  use: (dcs: Dcs) => Promise<T>,
): Promise<T> {
  const problem = scopeName.read(name);
  if (problem instanceof Wanted) {
    throw new CliError(`No cluster can be named '${name}': ${problem.text}`);
  }
  const { dcs: config, namespace } = session.settings;
  const target = { config, namespace, scope: name, group };
  const dcs: Dcs = await session.context.openDcs(target);
  try {
    return await use(dcs);
  } finally {
    await dcs.close();
  }
}

/**
 * The cluster that a command means: the one given, or the configured scope.
 *
 * @throws {CliError} If there is neither.
 */
export function clusterName(
  session: Session,
  given: string | undefined,
): string {
  const name = given ?? session.settings.scope;
  if (name === null || name === "") {
    throw new CliError(
      "No cluster name: give one, or set scope in the configuration",
    );
  }
  return name;
}

/** The Citus group that a command means: the one given, or the configured one. */
export function groupOf(
  session: Session,
  invocation: Invocation,
): number | null {
  return invocation.number("--group") ?? session.settings.citusGroup;
}

/** Opens the scope that the first argument (or the configuration) names. */
export async function withCluster<T>(
  session: Session,
  invocation: Invocation,
  use: (scope: Scope) => Promise<T>,
): Promise<T> {
  const name = clusterName(session, invocation.positionals[0]);
  const group = groupOf(session, invocation);
  return await withScope(session, { name, group }, use);
}

/** Prints the table of members, as `list` does. */
export function showTable(
  session: Session,
  scope: ScopeName,
  view: ClusterView,
): void {
  session.context.terminal.write(clusterReport(view, {
    cluster: scope.name,
    group: scope.group,
    format: "pretty",
    isExtended: false,
    caution: storeCaution(session.settings.dcs),
    witnesses: [],
  }));
}

/** Prints one line on stdout: names and answers of others cannot begin another. */
export function print({ context }: Session, line: string): void {
  context.terminal.write(`${visible(line.replace(/\n$/, ""))}\n`);
}

/** Prints text of several lines, or with tabs, on stdout. */
export function printBlock({ context }: Session, text: string): void {
  context.terminal.write(`${visibleBlock(text)}\n`);
}

/** Logs a line on stderr, unless the wanted level is higher. */
export function log(
  { context }: Session,
  level: "WARNING" | "ERROR",
  message: string,
): void {
  const { environment, clock, terminal } = context;
  const wanted = environment["PATRONI_LOG_LEVEL"] ??
    environment["PATRONI_LOGLEVEL"] ?? environment["LOGLEVEL"] ?? "WARNING";
  const isWanted = LEVELS.indexOf(level) >= LEVELS.indexOf(wanted);
  if (!isWanted) return;
  const time = asctime(clock.wallTimeMs());
  terminal.writeError(`${time} - ${level} - ${visible(message)}\n`);
}
