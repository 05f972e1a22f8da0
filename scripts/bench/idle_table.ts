/** What a run of `bench:idle` says in the end: medians and spread per role and system. */
import { median } from "./report.ts";
import type { IdleRole } from "./idle_process.ts";
import type { IdleRound, RoleCost } from "./idle_round.ts";
import { SYSTEM_NAMES, SYSTEM_TITLES, type SystemName } from "./system.ts";

const ROLE_TITLES: Readonly<Record<IdleRole, string>> = {
  agent: "agent",
  proxy: "proxy",
  patroni: "Patroni",
  haproxy: "HAProxy, one for all",
  postgres: "PostgreSQL",
};

/** The middle value, with the lowest and the highest where they differ. */
function spread(values: readonly number[], digits: number): string {
  const scale = 10 ** digits;
  const text = (value: number): string => value.toFixed(digits);
  const middle = text(median(values.map((one) => one * scale)) / scale);
  const [low, high] = [Math.min(...values), Math.max(...values)].map(text);
  return low === high ? middle : `${middle} (${low}-${high})`;
}

function roleRow(system: SystemName, costs: readonly RoleCost[]): string[] {
  const [first] = costs;
  if (first === undefined) return [];
  const of = (value: (cost: RoleCost) => number, digits = 0): string =>
    spread(costs.map(value), digits);
  return [
    `| ${SYSTEM_TITLES[system]} | ${ROLE_TITLES[first.role]} ` +
    `| ${of((cost) => cost.cpuMs)} | ${of((cost) => cost.pssMb, 1)} ` +
    `| ${of((cost) => cost.switches)} |`,
  ];
}

/** The two tables in Markdown, as they go into the documentation. */
export function idleMarkdown(rounds: readonly IdleRound[]): string {
  const systems = SYSTEM_NAMES.filter((name) =>
    rounds.some((round) => round.system === name)
  );
  const of = (system: SystemName): IdleRound[] =>
    rounds.filter((round) => round.system === system);
  const roleRows = systems.flatMap((system) => {
    const all = of(system).flatMap((round) => round.roles);
    const roles = new Set(all.map((cost) => cost.role));
    return [...roles].flatMap((role) =>
      roleRow(system, all.filter((cost) => cost.role === role))
    );
  });
  const storeRows = systems.map((system) => {
    const mine = of(system);
    return `| ${SYSTEM_TITLES[system]} ` +
      `| ${spread(mine.map((round) => round.unary), 1)} ` +
      `| ${spread(mine.map((round) => round.streamed), 1)} |`;
  });
  return [
    "| System | Process | CPU ms per minute | PSS MB | Switches per minute |",
    "| --- | --- | --- | --- | --- |",
    ...roleRows,
    "",
    "| System | Unary calls per member and minute | Messages on streams |",
    "| --- | --- | --- |",
    ...storeRows,
  ].join("\n");
}
