/**
 * The cluster page (our own): GET /ui, its stream of events at /ui/events, and at
 * /ui/facts what this member tells to the pages of the others. Reads only; all of
 * it is off where the configuration says `ui: off`.
 */
import { encodeJson } from "../../core/codec/json.ts";
import { encodeOwnFacts } from "../../ui/own_facts.ts";
import { CLUSTER_PAGE, pagePolicy } from "../../ui/page.ts";
import type { RestApp, RestContext } from "../context.ts";
import { eventReply, NEVER_KEPT } from "../event_reply.ts";
import { pathOf } from "../requests.ts";

/** Hangs the routes on the application. */
export function uiRoutes(app: RestApp, context: RestContext): void {
  const { ui } = context;
  if (ui === null) return;
  app.get("/ui", async (c) => {
    if (!context.settings().isUiOn) return c.notFound();
    switch (pathOf(c.req.url)) {
      case "/ui":
      case "/ui/":
        return reply(CLUSTER_PAGE, {
          "Content-Type": "text/html; charset=utf-8",
          "Content-Security-Policy": await pagePolicy(),
          "Referrer-Policy": "no-referrer",
        });
      case "/ui/events":
        return eventReply(ui.feed);
      case "/ui/facts":
        return reply(encodeJson(encodeOwnFacts(await ui.ownFacts())), {
          "Content-Type": "application/json",
        });
      default:
        return c.notFound();
    }
  });
}

function reply(
  body: string,
  headers: Readonly<Record<string, string>>,
): Response {
  return new Response(new TextEncoder().encode(body), {
    headers: { ...headers, ...NEVER_KEPT },
  });
}
