/** How the cluster page draws what it knows. Values are set as text, never as markup. */

/** JavaScript for the browser; must not contain a closing script tag. */
export const PAGE_DRAW = `
"use strict";
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const ACTING = new RegExp("[\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f\\\\u061c" +
  "\\\\u200e\\\\u200f\\\\u2028-\\\\u202e\\\\u2066-\\\\u2069\\\\ufeff]", "g");

/** What would turn the direction of writing or is not seen is written out. */
function visible(text) {
  return String(text).replace(ACTING, (c) =>
    "\\\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}
function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content.map((one) =>
    one instanceof Node ? one : visible(one)));
  return made;
}
function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  return made;
}
function count(n) { return Number(n).toLocaleString("en"); }
function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) { n /= 1000; unit++; }
  return (unit === 0 ? n.toFixed(0) : n.toFixed(1)) + " " + units[unit];
}
function time(ms) {
  const made = element("time", "", new Date(ms).toLocaleString());
  made.dateTime = new Date(ms).toISOString();
  return made;
}
function words(text) { return String(text).replaceAll("_", " "); }
function list(value) { return Array.isArray(value) ? value : []; }
function fact(name, value, className) {
  return element("li", className || "", name + " ", element("b", "", value));
}

/** Members' own names, the leader and its tree first. */
function tree(members) {
  const byName = new Map(members.map((m) => [m.name, m]));
  const below = new Map();
  const roots = [];
  for (const member of members) {
    const up = byName.has(member.upstream) ? member.upstream : null;
    if (up === null) roots.push(member);
    else below.set(up, [...below.get(up) || [], member]);
  }
  const seen = new Set();
  const item = (member) => {
    seen.add(member.name);
    const made = element("li", "", card(member));
    const under = (below.get(member.name) || [])
      .filter((m) => !seen.has(m.name));
    if (under.length > 0) made.append(element("ul", "below", ...under.map(item)));
    return made;
  };
  const rank = (m) => m.verdict === "leads" ? 0 : m.role === "absent" ? 2 : 1;
  const made = roots.toSorted((a, b) => rank(a) - rank(b)).map(item);
  // Members that follow each other in a circle hang nowhere.
  const lost = members.filter((m) => !seen.has(m.name));
  for (const m of lost) if (!seen.has(m.name)) made.push(item(m));
  return made;
}
function card(member) {
  const isLeader = member.verdict === "leads";
  const made = element("article", "card" + (isLeader ? " leader" : ""));
  made.append(element("h3", "", member.name,
    element("span", "role", words(member.role)),
    element("span", "", member.state || "state not known"),
    ...(member.timeline ? [element("span", "", "timeline " +
      member.timeline)] : [])));
  if (!isLeader && member.role !== "absent") made.append(lagLine(member));
  if (member.reason) {
    made.append(element("p", "verdict " + member.verdict, member.reason));
  }
  made.append(element("ul", "facts", ...facts(member)));
  made.append(actionsOf(member));
  return made;
}
function facts(member) {
  const made = [];
  if (member.host) made.push(fact("at", member.host + ":" + member.port));
  if (member.is_pending) made.push(fact("waits for a restart",
    list(member.pending).join(", ") || "yes", "bad"));
  if (member.scheduled_restart) {
    made.push(fact("restart at", member.scheduled_restart));
  }
  if (member.tags && member.tags !== "{}") made.push(fact("tags", member.tags));
  if (member.silence) made.push(fact("does not answer:", member.silence, "bad"));
  if (member.streams) {
    made.push(element("li", member.is_stream_odd ? "bad" : "", member.streams));
  }
  const own = member.own;
  if (!own) {
    if (member.role !== "absent") {
      made.push(fact("proxy, guards and store:", "not told"));
    }
    return made;
  }
  if (own.proxy) {
    made.push(fact("fence", own.proxy.fence_armed ? "armed" : "not armed"));
  }
  made.push(fact("watchdog", own.watchdog, own.watchdog === "failed" ? "bad"
    : ""));
  for (const vip of list(own.vips)) {
    made.push(fact("address", vip.address + (vip.carried ? " is here"
      : " is not here")));
  }
  if (own.store) {
    const last = own.store.last_ms;
    made.push(fact("store", own.store.kind + (last === null ? ""
      : ", " + last + " ms") + ", " + count(own.store.failures) +
      " failed calls"));
    for (const node of list(own.store.nodes)) made.push(nodeFact(node));
  }
  if (own.decision) made.push(fact("says:", own.decision));
  return made;
}
function nodeFact(node) {
  const isAway = typeof node.answer_ms !== "number";
  return fact("store node " + node.address, isAway ? "does not answer"
    : count(node.answer_ms) + " ms" + (node.leader ? ", leads" : ""),
    isAway ? "bad" : "");
}
function lagLine(member) {
  const lags = lag.get(member.name) || [];
  const now = member.replay_lag;
  const known = [...lags, now].filter((n) => typeof n === "number");
  const text = typeof now === "number" ? bytes(now) + " behind"
    : "lag not known";
  const made = element("div", "lag", element("span", "", text));
  if (known.length === 0) return made;
  const top = Math.max(...known, 1);
  const first = LAG_MAX - lags.length;
  const parts = [];
  lags.forEach((n, i) => {
    if (n === null) return;
    const isStart = i === 0 || lags[i - 1] === null;
    parts.push((isStart ? "M" : "L") + (first + i) + " " + (98 - 94 * n / top));
  });
  const most = "at most " + bytes(Math.max(...known)) + " in ten minutes";
  const svg = shape("svg", { viewBox: "0 0 " + (LAG_MAX - 1) + " 100",
    preserveAspectRatio: "none", role: "img",
    "aria-label": "Lag of " + visible(member.name) + ": " + text + ", " + most });
  svg.append(shape("path", { d: parts.join("") }));
  made.append(svg, element("span", "", most));
  return made;
}
function proxyRows(pieces, members) {
  const rows = members.filter((m) => m.own && m.own.proxy).map((m) =>
    proxyRow(m.name, m.own.proxy));
  for (const [name, piece] of pieces) {
    if (name.startsWith("proxy ")) rows.push(proxyRow(name.slice(6), piece));
  }
  return rows;
}
function proxyRow(name, proxy) {
  if (proxy.silence) {
    const told = element("td", "bad", "does not answer: " + proxy.silence);
    told.colSpan = 3;
    return element("tr", "", element("td", "", name), told);
  }
  return element("tr", "", element("td", "", name),
    element("td", "n", count(proxy.sessions)),
    element("td", "n", count(proxy.held)),
    element("td", "", proxy.version || "not told"));
}
function failoverItem(change) {
  const phases = list(change.phases);
  const from = phases.length > 0 ? phases[0].at_ms : null;
  const to = phases.length > 0 ? phases[phases.length - 1].at_ms : null;
  const who = change.before === change.leader ? change.leader + " again"
    : (change.before || "somebody") + " \\u2192 " + change.leader;
  const summary = element("summary", "", element("b", "", who), " ",
    ...(from === null ? [] : [time(from), " in " + count(to - from) + " ms"]));
  const made = element("details", "", summary, bar(phases),
    element("ol", "phases", ...phases.map((p) => element("li", "",
      element("b", "", words(p.phase)), " after " + count(p.at_ms - from) +
      " ms"))),
    element("p", "", "Decided by " + change.rule + ", " +
      words(change.reason) + ": " + change.text + factsText(change.facts)),
    element("p", "", walText(change)),
    ...list(change.clients).map((felt) => element("p", "", feltText(felt))));
  if (list(change.clients).length === 0) {
    made.append(element("p", "empty", "No proxy has told what its clients felt."));
  }
  return made;
}
function bar(phases) {
  const svg = shape("svg", { class: "bar", viewBox: "0 0 1000 10",
    preserveAspectRatio: "none", "aria-hidden": "true" });
  if (phases.length < 2) return svg;
  const from = phases[0].at_ms;
  const whole = Math.max(1, phases[phases.length - 1].at_ms - from);
  for (let i = 1; i < phases.length; i++) {
    const x = 1000 * (phases[i - 1].at_ms - from) / whole;
    const end = 1000 * (phases[i].at_ms - from) / whole;
    svg.append(shape("rect", { x, y: 0, width: Math.max(0, end - x),
      height: 10 }));
  }
  return svg;
}
function factsText(facts) {
  const known = Object.entries(facts || {}).filter((f) => f[1] !== null);
  return known.length === 0 ? ""
    : " (" + known.map((f) => f.join(": ")).join(", ") + ")";
}
function walText(change) {
  const lost = change.lost_bytes === null ? "What was lost is not known"
    : change.lost_bytes === 0 ? "Nothing that the store knew of was lost"
    : bytes(change.lost_bytes) + " that the store knew of were lost";
  return [lost, ...list(change.left_behind).map((left) => left.member +
    " left at least " + bytes(left.bytes) + " behind")].join("; ") + ".";
}
function feltText(felt) {
  return "Clients of " + felt.proxy + ": no way to a leader for " +
    count(felt.routed_at_ms - felt.closed_at_ms) + " ms, " +
    count(felt.ended) + " sessions ended, " + count(felt.waited) +
    " clients waited" + (felt.waited === 0 ? "" : ", the longest " +
    count(felt.longest_wait_ms) + " ms") + ", " + count(felt.failed) +
    " in vain.";
}
`;
