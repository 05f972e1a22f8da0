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
  const rows = (["primary", "replica"] as const).flatMap((route, at) => {
    const servers = stats.backends.filter((one) => one.route === route);
    const place = { pxname: route, pid: 1, iid: at + 1 };
    const door = stats.ports[route];
    return [
      { ...frontend(door, servers, stats.connectionsMax), ...place, sid: 0 },
      ...servers.map((one, index) => ({
        ...server(one),
        ...place,
        sid: index + 1,
      })),
      { ...backend(door, servers), ...place, sid: 0 },
    ];
  });
  const lines = rows.map((row) => lineOf(row));
  return [`# ${COLUMNS.join(",")},`, ...lines, ""].join("\n");
}

function frontend(
  door: RouteStats,
  servers: readonly BackendStats[],
  limit: number,
): Row {
  return {
    svname: "FRONTEND",
    scur: door.sessions + door.held,
    slim: limit,
    stot: door.accepted,
    ...bytes(servers),
    dreq: door.denied + door.tooMany,
    ereq: door.garbage + door.late + door.crowded,
    status: "OPEN",
    type: TYPES.frontend,
  };
}

function server(one: BackendStats): Row {
  return {
    svname: one.name,
    scur: one.sessions,
    stot: one.sessionsTotal,
    ...bytes([one]),
    econ: one.dialFailures,
    status: one.isRouted ? "UP" : "DOWN",
    weight: 1,
    act: one.isRouted ? 1 : 0,
    bck: 0,
    lbtot: one.sessionsTotal,
    type: TYPES.server,
  };
}

function backend(door: RouteStats, servers: readonly BackendStats[]): Row {
  const routed = servers.filter(({ isRouted }) => isRouted).length;
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
    lbtot: door.connected,
    type: TYPES.backend,
  };
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
