/** What the statistics port answers: for one cluster, and for several on one page. */
import { CSV_SUFFIX } from "./http_head.ts";
import { prometheusText, type Stats, statsJson } from "./stats.ts";
import { clustersCsv, statsCsv } from "./stats_csv.ts";
import { CLUSTERS_PAGE } from "./clusters_page.ts";
import { STATS_PAGE } from "./stats_page.ts";

/** An answer without its head. */
export interface Reply {
  /** Code and reason. */
  readonly status: string;
  readonly body: string;
  /** Absent: plain text. */
  readonly type?: string;
}

/** Whether the proxy serves is no secret, and health checks have no login. */
export const HEALTH_PATH = "/healthz";

const OK = "200 OK";
const NOT_FOUND: Reply = { status: "404 Not Found", body: "not found\n" };
const JSON_TYPE = "application/json";
const HTML_TYPE = "text/html; charset=utf-8";
const METRICS_TYPE = "text/plain; version=0.0.4";

/** Of a proxy for one cluster, which answers at the top and below `/SCOPE/`. */
export function replyTo(path: string, stats: Stats): Reply {
  const below = belowScope(path, [stats]);
  if (below !== null) return ownReply(below.path, stats);
  return scopeReply(path, [stats]) ?? ownReply(path, stats);
}

function ownReply(path: string, stats: Stats): Reply {
  if (path.endsWith(CSV_SUFFIX)) {
    return { status: OK, body: statsCsv(stats), type: "text/plain" };
  }
  switch (path) {
    case "/":
      return { status: OK, body: STATS_PAGE, type: HTML_TYPE };
    case "/stats":
      return { status: OK, body: statsJson(stats), type: JSON_TYPE };
    case "/metrics":
      return { status: OK, body: prometheusText(stats), type: METRICS_TYPE };
    case HEALTH_PATH:
      return { status: OK, body: "ok\n" };
    default:
      return NOT_FOUND;
  }
}

/** Of a proxy for several: all of them at the top, each below `/SCOPE/`. */
export function clustersReply(path: string, all: readonly Stats[]): Reply {
  const below = belowScope(path, all);
  // The cluster page is the members' own: what is known here is one step above.
  if (below?.path === "/ui") return elsewhere("./");
  if (below !== null) return ownReply(below.path, below.stats);
  if (path.endsWith(CSV_SUFFIX)) {
    return { status: OK, body: clustersCsv(all), type: "text/plain" };
  }
  switch (path) {
    case "/":
      return { status: OK, body: CLUSTERS_PAGE, type: HTML_TYPE };
    case "/stats":
      return {
        status: OK,
        body: statsJson({ clusters: all }),
        type: JSON_TYPE,
      };
    case "/metrics":
      return { status: OK, body: prometheusText(...all), type: METRICS_TYPE };
    case HEALTH_PATH:
      return { status: OK, body: "ok\n" };
    case "/ui":
      return elsewhere("./");
    default:
      return scopeReply(path, all) ?? NOT_FOUND;
  }
}

/** Where a browser is to go, seen from where it is. */
function elsewhere(location: string): Reply {
  return { status: `302 Found\r\nlocation: ${location}`, body: "" };
}

/** Of a scope's page as people type it, without the slash at its end; null: it is none. */
function scopeReply(path: string, all: readonly Stats[]): Reply | null {
  const typed = path.slice(1);
  const isScope = all.some(({ scope }) => encodeURIComponent(scope) === typed);
  return isScope ? elsewhere(`./${typed}/`) : null;
}

/** Null: the path names none of the scopes. */
function belowScope(
  path: string,
  all: readonly Stats[],
): { readonly path: string; readonly stats: Stats } | null {
  const [, first = "", ...rest] = path.split("/");
  const stats = all.find(({ scope }) => encodeURIComponent(scope) === first);
  if (rest.length === 0 || stats === undefined) return null;
  return { path: `/${rest.join("/")}`, stats };
}
