/** What the lab prints: the table of members, how to connect, what to try next. */
import { selfCommand } from "../compose/self_command.ts";
import type { ClusterStatus, MemberStatus } from "./cluster_status.ts";
import { connectionString, type LabPlan } from "./plan.ts";
import type { StepResult } from "./steps.ts";
import { STEP_TITLES } from "./steps.ts";

/** Lines of a table; the first row is the head, columns are padded. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from(
    { length: columns },
    (_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return rows.flatMap((row, i) => i === 0 ? [line(row), rule] : [line(row)]);
}

function memberRow(plan: LabPlan, status: MemberStatus): string[] {
  const member = plan.members.find((m) => m.name === status.name);
  const isLeader = status.role === "leader";
  return [
    status.name,
    status.role,
    status.state,
    status.timeline === null ? "-" : String(status.timeline),
    isLeader ? "-" : status.lag === null ? "unknown" : `${status.lag} B`,
    member === undefined ? "-" : String(member.postgresPort),
    member === undefined ? "-" : String(member.restPort),
  ];
}

/** The members with role, state, timeline and lag. */
export function memberLines(
  plan: LabPlan,
  status: ClusterStatus | null,
): string[] {
  if (status === null) return ["No member answers yet."];
  const head = ["member", "role", "state", "timeline", "lag", "port", "REST"];
  return tableLines([head, ...status.map((m) => memberRow(plan, m))]);
}

/** The connection strings of the stand-alone proxy. */
export function connectionLines(plan: LabPlan): string[] {
  const { primary, replica, stats } = plan.proxy;
  return [
    `read-write   ${connectionString(plan, primary)}`,
    `read-only    ${connectionString(plan, replica)}`,
    `statistics   http://127.0.0.1:${stats}/`,
  ];
}

/** How a user of the checkout, or of the one file, calls this program. */
function programText(): string {
  const { command, args } = selfCommand();
  return args.length === 0 ? command : "./scripts/deno run -A main.ts";
}

/** What a stranger may do now; `leader` is filled in where it is known. */
export function hintLines(plan: LabPlan, leader: string | null): string[] {
  const member = plan.members.find((m) => m.name === leader) ??
    plan.members[0];
  if (member === undefined) return [];
  const variables = Object.entries(plan.store.environment ?? {})
    .map(([name, value]) => `${name}=${value} `).join("");
  const ctl = `${variables}${programText()} -c ${member.configPath}`;
  const { primary } = plan.proxy;
  return [
    "What to try next (in a second terminal):",
    `  psql ${connectionString(plan, primary)} -c 'select inet_server_port()'`,
    `  ${ctl} top`,
    `  ${ctl} switchover ${plan.scope} --force`,
    `  kill -9 $(head -n 1 ${member.dataDir}/postmaster.pid)`,
    `  ${programText()} lab freeze ${member.name}, then lab heal ${member.name}`,
    `Logs and data: ${plan.directory}. This lab uses a short ttl of ` +
    `${plan.timing.ttl} s (default: 30 s).`,
    "Ctrl-C stops and removes everything.",
  ];
}

/** The demo's table. */
export function stepLines(results: readonly StepResult[]): string[] {
  const head = ["step", "leader", "gap", "errors", "acknowledged", "lost"];
  const rows = results.map((result) => [
    STEP_TITLES[result.kind],
    `${result.oldLeader} -> ${result.newLeader}`,
    `${result.gapMs} ms`,
    String(result.errors),
    String(result.acknowledged),
    String(result.lost),
  ]);
  return tableLines([head, ...rows]);
}
