/** What the statistics page does: reads `/stats` once a second and draws it. */

/** JavaScript for the browser; must not contain a closing script tag. */
export const STATS_SCRIPT = `
"use strict";
const byId = (id) => document.getElementById(id);
const PAST_MAX = 120;
const past = {};
const TITLES = { primary: "Read-write", replica: "Read-only" };
const titleOf = (route) => TITLES[route] || route.replaceAll("_", " ");
let last = null;

function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}
function count(n) { return n.toLocaleString("en"); }
function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) { n /= 1000; unit++; }
  return (unit === 0 ? n.toFixed(0) : n.toFixed(1)) + " " + units[unit];
}
function sum(list, valueOf) { return list.reduce((s, x) => s + valueOf(x), 0); }

/** What moved per second since the last look. */
function rates(stats, route, seconds) {
  const of = (s) => s.backends.filter((b) => b.route === route);
  const moved = (s) => sum(of(s), (b) => b.bytesSent + b.bytesReceived);
  if (last === null || last.pid !== stats.pid || seconds <= 0) {
    return { bytes: 0, clients: 0 };
  }
  return {
    bytes: Math.max(0, moved(stats) - moved(last)) / seconds,
    clients: Math.max(0, stats.ports[route].accepted -
      (last.ports[route] || stats.ports[route]).accepted) / seconds,
  };
}
function chart(values) {
  const SVG = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 " + (PAST_MAX - 1) + " 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const top = Math.max(...values, 1);
  const first = PAST_MAX - values.length;
  const points = values.map((v, i) => (first + i) + " " + (98 - 94 * v / top));
  const line = "M" + points.join("L");
  const parts = [["area", line + "L" + (PAST_MAX - 1) + " 100L" + first +
    " 100Z"], ["", line]];
  for (const [name, path] of parts) {
    const made = document.createElementNS(SVG, "path");
    made.setAttribute("class", name);
    made.setAttribute("d", path);
    svg.append(made);
  }
  return svg;
}
function number(value, what, className) {
  return element("div", className, element("b", "", count(value)), what);
}
function door(stats, route, seconds) {
  const port = stats.ports[route];
  const { backends } = port;
  const rate = rates(stats, route, seconds);
  past[route] = past[route] || [];
  past[route].push(rate.bytes);
  if (past[route].length > PAST_MAX) past[route].shift();
  const to = backends.length === 0 ? "nobody: new clients wait"
    : backends.join(", ");
  const heading = element("h3", "", titleOf(route) + " ",
    element("span", "", "port " + port.port + (port.balance === "least" ? ""
      : ", " + port.balance.replaceAll("_", " "))));
  const now = element("div", "now", number(port.sessions, "sessions"),
    number(port.held, "waiting" + (port.inQueue > 0
      ? ", " + count(port.inQueue) + " in the queue" : ""),
      port.held > 0 ? "held" : ""),
    number(Math.round(rate.clients), "new per second"));
  const caption = element("div", "caption",
    element("span", "", bytes(rate.bytes) + " per second"),
    element("span", "", "last two minutes"));
  const totals = element("div", "totals");
  const counted = [["accepted", port.accepted], ["cut", port.cut],
    ["waited in vain", port.holdTimeouts], ["too many", port.tooMany],
    ["left while waiting", port.gone], ["not PostgreSQL", port.garbage],
    ["too slow", port.late], ["silent in a crowd", port.crowded],
    ["not allowed", port.denied], ["idle for too long", port.idle],
    ["too fast", port.throttled], ["queued for a place", port.queued],
    ["queued in vain", port.queueTimeouts], ["queue full", port.queueFull]];
  for (const [what, n] of counted) {
    if (n === 0 && what !== "accepted" && what !== "cut") continue;
    totals.append(element("span", "", element("b", "", count(n)), " " + what));
  }
  return element("article", "door " + route, heading,
    element("div", backends.length === 0 ? "to none" : "to", "\\u2192 " + to),
    now, chart(past[route]), caption, totals);
}
function row(...cells) {
  return element("tr", "", ...cells.map((cell) => typeof cell === "number"
    ? element("td", "n", count(cell)) : element("td", "", cell)));
}
/** Sessions of one server, of all ports. */
function onServer(stats, b) {
  return sum(stats.backends.filter((one) => one.name === b.name &&
    one.host === b.host && one.port === b.port), (one) => one.sessions);
}
function backendRow(b, stats) {
  const full = stats.serverConnectionsMax;
  const made = row(b.name, titleOf(b.route).toLowerCase(),
    b.host + ":" + b.port, !b.isRouted ? "no"
      : b.failing > 0 ? "cannot be reached"
      : full > 0 && onServer(stats, b) >= full ? "full" : "yes", b.sessions,
    b.sessionsTotal);
  made.append(element("td", "n", bytes(b.bytesSent)),
    element("td", "n", bytes(b.bytesReceived)),
    element("td", "n", count(b.dialFailures)));
  return made;
}
function excludedRow(e) {
  return row(e.name || "nobody", e.route === "primary" ? "read-write"
    : "read-only", e.reason.replaceAll("_", " "),
    Object.entries(e.facts).map((f) => f.join(": ")).join(", "));
}
function changeItem(c) {
  const at = new Date(c.wallTimeMs);
  return element("li", "", element("time", "", at.toLocaleTimeString()),
    element("span", "", c.text.replace(/^Route changed, /, "")));
}
function fill(id, made, empty) {
  const target = byId(id);
  if (made.length > 0) return target.replaceChildren(...made);
  target.replaceChildren(element(id === "changes" ? "li" : "tr", "",
    element(id === "changes" ? "span" : "td", "empty", empty)));
}
function about(stats) {
  const agent = stats.agent === null ? "no agent on this host"
    : "agent " + stats.agent.role +
      (stats.agent.isConnected ? "" : ", not connected");
  return ["version " + stats.version, "process " + stats.pid, stats.dataPlane,
    "since " + new Date(stats.startedAt).toLocaleString(),
    "DCS " + stats.dcs.kind.replaceAll("_", " "), agent,
    ...(stats.fence === null ? [] : ["fence " + stats.fence.state
      .replaceAll("_", " ")]),
    ...(stats.predecessor === null ? [] : ["replaced process " +
      stats.predecessor.pid + " (version " + stats.predecessor.version +
      ") still serves " + count(stats.predecessor.sessions) + " sessions"]),
    ...(stats.state === "draining" ? ["draining"] : [])];
}
function draw(stats, seconds) {
  byId("scope").textContent = "of " + stats.scope +
    (stats.name ? ", beside " + stats.name : "");
  byId("about").replaceChildren(
    ...about(stats).map((text) => element("li", "", text)));
  byId("doors").replaceChildren(
    ...Object.keys(stats.ports).map((route) => door(stats, route, seconds)));
  fill("backends", stats.backends.map((b) => backendRow(b, stats)), "No member is known yet.");
  // That the leader does not serve readers goes without saying.
  fill("excluded", stats.routes.exclusions
    .filter((e) => e.reason !== "is_leader").map(excludedRow),
    "Every member has its place.");
  fill("changes", stats.changes.map(changeItem), "None since the start.");
}
let lastAt = 0;
async function refresh() {
  const lost = byId("lost");
  try {
    const stats = await (await fetch("stats", { cache: "no-store" })).json();
    const now = performance.now();
    draw(stats, (now - lastAt) / 1000);
    [last, lastAt] = [stats, now];
    lost.hidden = true;
  } catch {
    lost.textContent = "The proxy does not answer; these numbers are old.";
    lost.hidden = false;
  }
  setTimeout(refresh, 1000);
}
refresh();
`;
