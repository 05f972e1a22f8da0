/**
 * The page at port 7000 of a proxy for several clusters: a line for each, and
 * a way to the page of its own. It draws `/stats` every two seconds.
 */
import { pageText } from "../lib/ui/page_frame.ts";
import { STATS_STYLE } from "./stats_style.ts";

/** JavaScript for the browser; must not contain a closing script tag. */
const SCRIPT = `
"use strict";
const byId = (id) => document.getElementById(id);
function cell(content, isNumber) {
  const made = document.createElement("td");
  if (isNumber) made.className = "n";
  made.append(content);
  return made;
}
function sum(stats, valueOf) {
  return Object.values(stats.ports).reduce((s, port) => s + valueOf(port), 0);
}
function count(n) { return n.toLocaleString("en"); }
function row(stats) {
  const link = document.createElement("a");
  link.href = encodeURIComponent(stats.scope) + "/";
  link.textContent = stats.scope;
  const { primary, replicas } = stats.routes;
  const made = document.createElement("tr");
  made.append(cell(link),
    cell(stats.ports.primary.port + ", " + stats.ports.replica.port),
    cell(primary === null ? "nobody: new clients wait" : primary.name),
    cell(replicas.map((r) => r.name).join(", ")),
    cell(stats.dcs.kind.replaceAll("_", " ")),
    cell(count(sum(stats, (p) => p.sessions)), true),
    cell(count(sum(stats, (p) => p.held)), true),
    cell(count(sum(stats, (p) => p.accepted)), true));
  return made;
}
async function refresh() {
  const lost = byId("lost");
  try {
    const { clusters } = await (await fetch("stats", { cache: "no-store" })).json();
    const [first] = clusters;
    byId("scope").textContent = "of " + clusters.length + " clusters";
    const about = first === undefined ? []
      : ["version " + first.version, "process " + first.pid];
    byId("about").replaceChildren(...about.map((text) => {
      const made = document.createElement("li");
      made.textContent = text;
      return made;
    }));
    byId("clusters").replaceChildren(...clusters.map(row));
    lost.hidden = true;
  } catch {
    lost.textContent = "The proxy does not answer; these numbers are old.";
    lost.hidden = false;
  }
  setTimeout(refresh, 2000);
}
refresh();
`;

/** The whole page. */
export const CLUSTERS_PAGE = pageText({
  title: "proxy",
  style: STATS_STYLE,
  script: SCRIPT,
  lossRole: "status",
  body: `<main>
  <section><h2>Clusters</h2>
    <div class="wide"><table><thead><tr>
      <th>Scope<th>Ports<th>Leader<th>Replicas<th>Store
      <th class="n">Sessions<th class="n">Waiting<th class="n">Accepted
      </thead><tbody id="clusters"></tbody></table></div></section>
</main>
<footer>Also as <a href="stats">JSON</a> and for
  <a href="metrics">Prometheus</a>.</footer>`,
});
