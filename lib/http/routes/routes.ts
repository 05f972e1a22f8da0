/**
 * GET /routes (ours): where clients may go, as a stream of events for proxies
 * without access to the store. Reads only, and nothing that GET /cluster would
 * not show.
 */
import { ROUTES_PATH } from "../../core/codec/route_feed_codec.ts";
import type { RestApp, RestContext } from "../context.ts";
import { eventReply } from "../event_reply.ts";

/** Hangs the route on the application. */
export function routeRoutes(app: RestApp, { routes }: RestContext): void {
  if (routes === null) return;
  app.get(ROUTES_PATH, () => eventReply(routes));
}
