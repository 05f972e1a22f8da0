/** What the cluster page does: takes the stream of events and draws what changed. */
import { LAG_SAMPLES_MAX } from "./lag_lines.ts";
import { PAGE_ACTIONS } from "./page_actions.ts";
import { PAGE_DRAW } from "./page_draw.ts";

/** JavaScript for the browser; must not contain a closing script tag. */
export const PAGE_SCRIPT = `${PAGE_DRAW}
const LAG_MAX = ${LAG_SAMPLES_MAX};
const pieces = new Map();
const lag = new Map();
/** What was drawn last, by place; the same is not drawn again. */
const drawn = new Map();
${PAGE_ACTIONS}

function takeAll(given) {
  pieces.clear();
  lag.clear();
  for (const [name, piece] of Object.entries(given.set)) pieces.set(name, piece);
  for (const [name, lags] of Object.entries(given.lag)) lag.set(name, lags);
}
function takeSome(given) {
  for (const [name, piece] of Object.entries(given.set)) pieces.set(name, piece);
  for (const name of given.gone) pieces.delete(name);
  if (given.lag === null) return;
  for (const name of new Set([...lag.keys(), ...Object.keys(given.lag)])) {
    const now = Object.hasOwn(given.lag, name) ? given.lag[name] : null;
    const lags = [...lag.get(name) || [], now].slice(-LAG_MAX);
    if (lags.every((n) => n === null)) lag.delete(name);
    else lag.set(name, lags);
  }
}
function isNew(place, ...values) {
  const text = JSON.stringify(values);
  if (drawn.get(place) === text) return false;
  drawn.set(place, text);
  return true;
}
/** Who uses the keyboard stays where he was. */
function replaced(target, made) {
  const key = document.activeElement && document.activeElement.dataset.key;
  target.replaceChildren(...made);
  if (!key) return;
  const same = [...target.querySelectorAll("[data-key]")]
    .find((one) => one.dataset.key === key);
  if (same) same.focus();
}
function draw() {
  const cluster = pieces.get("cluster") || {};
  const members = [...pieces].filter(([name]) => name.startsWith("member "))
    .map(([, piece]) => piece)
    .toSorted((a, b) => a.name < b.name ? -1 : 1);
  drawCluster(cluster, members);
  if (isNew("members", members, [...lag], cluster.actions)) {
    const made = members.length > 0 ? tree(members)
      : [element("li", "empty", "No member is known yet.")];
    replaced(byId("members"), made);
  }
  const rows = proxyRows(pieces, members);
  byId("proxies").replaceChildren(...(rows.length > 0 ? rows
    : [element("tr", "", element("td", "empty", "No proxy has told."))]));
  drawFailovers(list(pieces.get("failovers")));
}
function drawCluster(cluster, members) {
  if (!isNew("cluster", cluster, members.length)) return;
  document.title = visible("Matriarch cluster " + (cluster.scope || ""));
  byId("scope").textContent = visible(cluster.scope || "");
  byId("about").replaceChildren(...[
    "shown by " + cluster.shown_by, count(members.length) + " members",
    ...(cluster.paused ? ["maintenance mode: nobody takes over by itself"] : []),
  ].map((text) => element("li", "", text)));
  const lines = [];
  const away = cluster.store_away_since_ms;
  if (away) {
    lines.push(element("p", "leader", "The store does not answer since ",
      time(away), ": this is what was known then."));
  }
  if (cluster.known === false) {
    lines.push(element("p", "leader", "The store was not read yet."));
  } else {
    lines.push(element("p", "leader", cluster.leader
      ? cluster.leader + " leads" : "Nobody leads"));
    lines.push(element("p", "", cluster.loss || ""));
    if (cluster.request) lines.push(element("p", "", requestText(cluster.request)));
    lines.push(element("p", "note", syncText(cluster.sync || {})));
    lines.push(element("p", "note", cluster.last_change || ""));
  }
  const state = byId("state");
  state.className = away || !cluster.leader ? "bad" : "";
  replaced(state, [...lines, ...clusterActions(cluster)]);
}
function requestText(request) {
  return (request.leader === null ? "A failover"
    : "A switchover from " + request.leader) +
    (request.candidate === null ? "" : " to " + request.candidate) +
    " is requested " + (request.at === null ? "now" : "for " + request.at) + ".";
}
function syncText(sync) {
  if (sync.mode === "off" || !sync.mode) return "Replication is not synchronous.";
  const standbys = list(sync.standbys);
  if (standbys.length === 0) return "No standby is synchronous now.";
  return sync.mode === "quorum"
    ? "Each commit is on " + count(sync.quorum) + " of " + standbys.join(", ") + "."
    : "Each commit is on " + standbys.join(" and ") + ".";
}
function drawFailovers(changes) {
  if (!isNew("failovers", changes)) return;
  const target = byId("failovers");
  const shown = new Map([...target.querySelectorAll("details")]
    .map((one) => [one.dataset.term, one.open]));
  const made = changes.map((change, index) => {
    const item = failoverItem(change);
    item.dataset.term = change.term;
    item.firstChild.dataset.key = "change " + change.term;
    item.open = shown.has(change.term) ? shown.get(change.term) : index === 0;
    return element("li", "", item);
  });
  replaced(target, made.length > 0 ? made
    : [element("li", "empty", "The leader has not changed yet.")]);
}
function lost(text) {
  byId("lost").textContent = text;
  byId("lost").hidden = text === "";
}
function listen() {
  const path = location.pathname.replace(/[/]+$/, "");
  const events = new EventSource(path + "/events");
  const take = (how) => (message) => {
    try {
      how(JSON.parse(message.data));
      draw();
      lost("");
    } catch (error) {
      lost("This page cannot draw what it was sent: " + visible(error.message));
    }
  };
  events.addEventListener("all", take(takeAll));
  events.addEventListener("some", take(takeSome));
  events.addEventListener("error", () => {
    lost("No connection to the member that shows this page: " +
      "what stands here is old.");
    // A browser gives up after an answer that is no stream.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}
listen();
`;
