/**
 * Actions of the cluster page: POST /ui/rehearse says what one would come to and
 * gives a ticket, POST /ui/act does what a ticket is for. Both by the rules of
 * every changing request, and only where the REST API has a password: a page that
 * everybody may see changes nothing.
 */
import type { Context } from "hono";
import { type ActionPlan, actionPlan } from "../../ui/action_plan.ts";
import type { WantedAction } from "../../ui/action_plan.ts";
import { guard } from "../access.ts";
import { ActionTickets } from "../action_tickets.ts";
import type { RestApp, RestContext, RestEnv, UiParts } from "../context.ts";
import { mandatoryBody, pathOf } from "../requests.ts";
import { checkBody, ticketBody, wantedActionBody } from "../schemas.ts";

const REHEARSE = "/ui/rehearse";
const ACTION_PATHS: ReadonlySet<string> = new Set([REHEARSE, "/ui/act"]);

/** Hangs the routes on the application. */
export function uiActionRoutes(app: RestApp, context: RestContext): void {
  const { ui, replies, settings } = context;
  if (ui === null) return;
  const tickets = new ActionTickets();
  app.post(
    "/ui",
    async (c, next) => {
      const isAction = ACTION_PATHS.has(pathOf(c.req.url));
      if (!settings().isUiOn || !isAction) return c.notFound();
      if (settings().credentials !== null) return await next();
      return replies.text(403, "There are no actions without a password");
    },
    guard(context),
    async (c) => {
      return pathOf(c.req.url) === REHEARSE
        ? await rehearse(c, context, tickets)
        : await act(c, { ...context, ui }, tickets);
    },
  );
}

async function rehearse(
  c: Context<RestEnv>,
  context: RestContext,
  tickets: ActionTickets,
): Promise<Response> {
  const { replies } = context;
  const body = await mandatoryBody(c.req.raw);
  const checked = checkBody(wantedActionBody, body);
  if (checked.kind === "invalid") return replies.text(400, checked.text);
  const { action, member } = checked.value;
  const wanted = { action, member: member || null };
  const { lines, call } = await planFor(context, wanted);
  const ticket = call === null
    ? null
    : tickets.give(wanted, context.api.glance().now);
  return replies.json(200, { lines, ticket });
}

/** Judged once more: the cluster may be another one by now. */
async function act(
  c: Context<RestEnv>,
  context: RestContext & { readonly ui: UiParts },
  tickets: ActionTickets,
): Promise<Response> {
  const { api, log, replies, ui } = context;
  const body = await mandatoryBody(c.req.raw);
  const checked = checkBody(ticketBody, body);
  if (checked.kind === "invalid") return replies.text(400, checked.text);
  const wanted = tickets.take(checked.value.ticket, api.glance().now);
  if (wanted === null) {
    return replies.text(409, "Look again what it would come to");
  }
  const { lines, call } = await planFor(context, wanted);
  if (call === null) return replies.text(412, lines.join("\n"));
  const address = c.env?.client?.address ?? "unknown";
  log.info(
    `The cluster page asks for ${wanted.action} of ${call.member.name}, ` +
      `from ${address}`,
  );
  const { status, text } = await ui.callMember(call);
  return replies.json(200, { status, text: text.slice(0, 4_096) });
}

async function planFor(
  { api }: RestContext,
  wanted: WantedAction,
): Promise<ActionPlan> {
  const view = await api.scope.freshView();
  const answers = await api.scope.askPeers(
    wanted.action === "switchover" ? view.members : [],
  );
  return actionPlan(wanted, { view, answers, self: api.identity.name });
}
