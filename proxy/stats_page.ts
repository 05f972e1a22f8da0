/**
 * The page at port 7000: one HTML text without a build step, which draws
 * `/stats` once a second. Values are set as text, never as markup.
 */

/** The whole page. */
export const STATS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Matriarch proxy</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --soft: #888; }
  body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto;
    max-width: 62rem; padding: 0 1rem; }
  h1 { font-size: 1.4rem; margin: 0; }
  h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
  #about { color: var(--soft); }
  .doors { display: grid; gap: 1rem; margin-top: 1.5rem;
    grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); }
  .door { border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; }
  .door b { font-size: 2rem; font-weight: 600; }
  .door .to { font-weight: 600; }
  .none { color: #c33; }
  table { border-collapse: collapse; width: 100%; }
  th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0;
    text-align: left; font-variant-numeric: tabular-nums; }
  th { color: var(--soft); font-weight: 500; }
  .n { text-align: right; }
  #lost { color: #c33; min-height: 1.5em; }
</style>
</head>
<body>
<h1>Matriarch proxy <span id="scope"></span></h1>
<div id="about"></div>
<div id="lost" role="status"></div>
<div class="doors" id="doors"></div>
<h2>Backends</h2>
<table><thead><tr><th>route<th>member<th>address<th>new clients
<th class="n">sessions<th class="n">in total<th class="n">to backend
<th class="n">from backend<th class="n">failed dials</thead>
<tbody id="backends"></tbody></table>
<h2>Not routed</h2>
<table><tbody id="excluded"></tbody></table>
<h2>Last changes</h2>
<table><tbody id="changes"></tbody></table>
<script>
"use strict";
const byId = (id) => document.getElementById(id);
function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}
function row(cells) {
  const made = element("tr");
  for (const cell of cells) {
    const isNumber = typeof cell === "number";
    made.append(element("td", isNumber ? cell.toLocaleString("en") : cell,
      isNumber ? "n" : ""));
  }
  return made;
}
function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) { count /= 1000; unit++; }
  return (unit === 0 ? count : count.toFixed(1)) + " " + units[unit];
}
function address(b) { return b.name + " (" + b.host + ":" + b.port + ")"; }
function door(title, port, backends) {
  const made = element("div", undefined, "door");
  made.append(element("div", title + ", port " + port.port));
  made.append(element("b", String(port.sessions)));
  made.append(element("span", " sessions, " + port.held + " waiting"));
  const to = backends.length === 0 ? "nobody: new clients wait"
    : backends.map(address).join(", ");
  made.append(element("div", "\\u2192 " + to,
    backends.length === 0 ? "to none" : "to"));
  made.append(element("div", "accepted " + port.accepted + ", waited in vain " +
    port.holdTimeouts + ", too many " + port.tooMany + ", cut " + port.cut));
  return made;
}
function draw(stats) {
  byId("scope").textContent = "of " + stats.scope +
    (stats.name ? ", beside " + stats.name : "");
  const agent = stats.agent === null ? "no agent"
    : "agent " + stats.agent.pid + " (" + stats.agent.role +
      (stats.agent.isConnected ? ")" : ", gone)");
  byId("about").textContent = "version " + stats.version + ", process " +
    stats.pid + ", since " + new Date(stats.startedAt).toLocaleString() +
    ", DCS " + stats.dcs.kind.replaceAll("_", " ") + ", " + agent +
    (stats.state === "draining" ? ", draining" : "");
  const primary = stats.routes.primary;
  byId("doors").replaceChildren(
    door("Read-write", stats.ports.primary, primary === null ? [] : [primary]),
    door("Read-only", stats.ports.replica, stats.routes.replicas));
  byId("backends").replaceChildren(...stats.backends.map((b) => {
    const made = row([b.route, b.name, b.host + ":" + b.port,
      b.isRouted ? "yes" : "no", b.sessions, b.sessionsTotal]);
    for (const count of [b.bytesSent, b.bytesReceived]) {
      made.append(element("td", bytes(count), "n"));
    }
    made.append(element("td", String(b.dialFailures), "n"));
    return made;
  }));
  byId("excluded").replaceChildren(...stats.routes.exclusions.map((e) =>
    row([e.route, e.name || "", e.reason.replaceAll("_", " "),
      Object.entries(e.facts).map((f) => f.join(": ")).join(", ")])));
  byId("changes").replaceChildren(...stats.changes.map((c) =>
    row([new Date(c.wallTimeMs).toLocaleTimeString(), c.text])));
}
async function refresh() {
  try {
    draw(await (await fetch("stats", { cache: "no-store" })).json());
    byId("lost").textContent = "";
  } catch {
    byId("lost").textContent = "The proxy does not answer.";
  }
  setTimeout(refresh, 1000);
}
refresh();
</script>
</body>
</html>
`;
