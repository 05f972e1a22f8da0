/** What of the cluster page changes something: asks first what it would come to, then does it. */

/** JavaScript for the browser; must not contain a closing script tag. */
export const PAGE_ACTIONS = `
let asked = null;
let ticket = null;
function button(text, action, member) {
  const made = element("button", "act", text);
  made.type = "button";
  made.dataset.key = action + " " + (member || "");
  made.addEventListener("click", () => ask(text, action, member));
  return made;
}
function hasActions() {
  return (pieces.get("cluster") || {}).actions === true;
}
function actionsOf(member) {
  const made = element("p", "acts");
  if (!hasActions() || member.role === "absent") return made;
  if (member.verdict !== "leads") {
    made.append(button("Switch over to " + member.name, "switchover",
      member.name));
  }
  made.append(button("Restart " + member.name, "restart", member.name));
  if (member.scheduled_restart) {
    made.append(button("Forget the restart of " + member.name, "flush_restart",
      member.name));
  }
  if (member.verdict !== "leads") {
    made.append(button("Reinitialize " + member.name, "reinitialize",
      member.name));
  }
  return made;
}
function clusterActions(cluster) {
  if (cluster.actions !== true || cluster.known === false) return [];
  return [element("p", "acts", button("Switch over", "switchover", null),
    cluster.paused ? button("Resume", "resume", null)
      : button("Pause", "pause", null),
    ...(cluster.request && cluster.request.at
      ? [button("Forget the switchover", "flush_switchover", null)] : []))];
}
function ask(text, action, member) {
  asked = { action, member: member || undefined };
  setTicket(null);
  byId("ask-title").textContent = visible(text);
  byId("ask-text").textContent = "";
  byId("ask").showModal();
}
function setTicket(given) {
  ticket = given;
  byId("ask-do").disabled = given === null;
}
async function post(path, body) {
  const login = byId("ask-user").value + ":" + byId("ask-password").value;
  const bytes = new TextEncoder().encode(login);
  const response = await fetch(location.pathname.replace(/[/]+$/, "") + path, {
    method: "POST",
    // No login that the browser keeps: only what was typed here.
    credentials: "omit",
    headers: { "authorization": "Basic " +
      btoa(String.fromCharCode(...bytes)) },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(response.status + ": " + text);
  return JSON.parse(text);
}
function say(text) { byId("ask-text").textContent = visibleLines(text); }
function visibleLines(text) {
  return String(text).split("\\n").map(visible).join("\\n");
}
async function during(what, work) {
  const buttons = [...byId("ask").querySelectorAll("button")];
  const were = buttons.map((one) => one.disabled);
  buttons.forEach((one) => { one.disabled = true; });
  say(what);
  try {
    await work();
  } catch (error) {
    say(error.message);
  }
  buttons.forEach((one, i) => { one.disabled = were[i]; });
  byId("ask-do").disabled = ticket === null;
}
byId("ask-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setTicket(null);
  during("Asking.", async () => {
    const plan = await post("/rehearse", asked);
    say([...list(plan.lines), plan.ticket === null ? "It cannot be done."
      : "Nothing was changed yet."].join("\\n"));
    setTicket(plan.ticket);
  });
});
byId("ask-do").addEventListener("click", () => {
  const given = ticket;
  setTicket(null);
  during("Under way; this may take a while.", async () => {
    const done = await post("/act", { ticket: given });
    say((done.status === 0 ? "" : done.status + ": ") + done.text);
  });
});
byId("ask-close").addEventListener("click", () => byId("ask").close());
byId("ask").addEventListener("close", () => {
  byId("ask-password").value = "";
  setTicket(null);
});
`;
