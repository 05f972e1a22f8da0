/**
 * The statistics as the CSV that HAProxy has below `;csv`, for collectors that
 * know it: one line for each door (FRONTEND), each server and each route
 * (BACKEND). Columns that have no meaning here are empty.
 *
 * Source: HAProxy 3.0 management guide, section 9.1 "CSV format".
 */
import type { BackendStats, RouteStats, Stats } from "./stats.ts";

/** In HAProxy's order; collectors go by the names. */
const COLUMNS = [
  ...["pxname", "svname", "qcur", "qmax", "scur", "smax", "slim", "stot"],
  ...["bin", "bout", "dreq", "dresp", "ereq", "econ", "eresp", "wretr"],
  ...["wredis", "status", "weight", "act", "bck", "chkfail", "chkdown"],
  ...["lastchg", "downtime", "qlimit", "pid", "iid", "sid", "throttle"],
  ...["lbtot", "tracked", "type"],
] as const;

type Column = typeof COLUMNS[number];
type Row = Readonly<Partial<Record<Column, string | number>>>;

/** As HAProxy numbers the kinds of lines. */
const TYPES = { frontend: 0, backend: 1, server: 2 } as const;

/** The whole text, with its head line. */
export function statsCsv(stats: Stats): string {
  return textOf(rowsOf(stats, { prefix: "", before: 0 }));
}

/** The same of several clusters: their doors have the cluster's scope before their names. */
export function clustersCsv(all: readonly Stats[]): string {
  const rows: Row[] = [];
  let before = 0;
  for (const stats of all) {
    rows.push(...rowsOf(stats, { prefix: `${stats.scope}:`, before }));
    before += Object.keys(stats.ports).length;
  }
  return textOf(rows);
}

/** @param place What stands before names of doors, and how many doors there were. */
function rowsOf(
  stats: Stats,
  { prefix, before }: { readonly prefix: string; readonly before: number },
): readonly Row[] {
  return Object.entries(stats.ports).flatMap(([route, door], at) => {
    const servers = stats.backends.filter((one) => one.route === route);
    const place = { pxname: prefix + route, pid: 1, iid: before + at + 1 };
    return [
      { ...frontend(door, servers), ...place, sid: 0 },
      ...servers.map((one, index) => ({
        ...server(one, stats),
        ...place,
        sid: index + 1,
      })),
      { ...backend(door, servers), ...place, sid: 0, ...queueLimit(stats) },
    ];
  });
}

function textOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => lineOf(row));
  return [`# ${COLUMNS.join(",")},`, ...lines, ""].join("\n");
}

function frontend(
  door: RouteStats,
  servers: readonly BackendStats[],
): Row {
  return {
    svname: "FRONTEND",
    scur: door.sessions + door.held,
    slim: door.connectionsMax,
    stot: door.accepted,
    ...bytes(servers),
    dreq: door.denied + door.tooMany + door.throttled + door.queueFull,
    ereq: door.garbage + door.late + door.crowded,
    status: "OPEN",
    type: TYPES.frontend,
  };
}

/** Empty, as HAProxy has it, where nothing is limited. */
function queueLimit({ queueMax, serverConnectionsMax }: Stats): Row {
  return serverConnectionsMax > 0 ? { qlimit: queueMax } : {};
}

function server(one: BackendStats, { serverConnectionsMax }: Stats): Row {
  return {
    svname: one.name,
    scur: one.sessions,
    slim: serverConnectionsMax > 0 ? serverConnectionsMax : "",
    stot: one.sessionsTotal,
    ...bytes([one]),
    econ: one.dialFailures,
    status: isUp(one) ? "UP" : "DOWN",
    weight: 1,
    act: isUp(one) ? 1 : 0,
    bck: 0,
    chkfail: one.dialFailures,
    chkdown: one.outages,
    lbtot: one.sessionsTotal,
    type: TYPES.server,
  };
}

function backend(door: RouteStats, servers: readonly BackendStats[]): Row {
  const routed = servers.filter(isUp).length;
  return {
    svname: "BACKEND",
    qcur: door.held,
    scur: door.sessions,
    stot: door.connected,
    ...bytes(servers),
    econ: servers.reduce((sum, one) => sum + one.dialFailures, 0),
    eresp: door.cut,
    status: routed > 0 ? "UP" : "DOWN",
    weight: routed,
    act: routed,
    bck: 0,
    chkdown: servers.reduce((sum, one) => sum + one.outages, 0),
    lbtot: door.connected,
    type: TYPES.backend,
  };
}

/** New clients may get it, and can. */
function isUp({ failing, isRouted }: BackendStats): boolean {
  return isRouted && failing === 0;
}

/** `bin` is what came from clients. */
function bytes(servers: readonly BackendStats[]): Row {
  return {
    bin: servers.reduce((sum, one) => sum + one.bytesSent, 0),
    bout: servers.reduce((sum, one) => sum + one.bytesReceived, 0),
  };
}

function lineOf(row: Row): string {
  return COLUMNS.map((name) => `${quoted(row[name] ?? "")},`).join("");
}

/** Names of members come from the store. */
function quoted(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
