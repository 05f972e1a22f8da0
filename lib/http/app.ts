/**
 * The REST API as a Hono application: which routes there are and in which order.
 * How bytes get in and out is decided in server.ts.
 *
 * Errors: a handler that throws {@link PageProblem} is answered with that page.
 * Every other error leaves `app.fetch()` rejected, and the server then closes the
 * connection without a byte: Patroni's tools read that as "ask the DCS instead".
 *
 * Source: docs/contract/rest-api.md 2.3, 2.5, 14.
 */
import { Hono } from "hono";
import type { AgentApi } from "../ports/agent_api.ts";
import type { Log } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { RestApp, RestContext, RestEnv } from "./context.ts";
import { PageProblem, unsupportedMethod } from "./problems.ts";
import { Replies } from "./replies.ts";
import { firstSegment } from "./requests.ts";
import type { RestSettings } from "./rest_settings.ts";
import { actionRoutes } from "./routes/actions.ts";
import { clusterRoutes } from "./routes/cluster.ts";
import { explainRoutes } from "./routes/explain.ts";
import { failsafeRoutes } from "./routes/failsafe.ts";
import { manualFailoverRoutes } from "./routes/manual_failover.ts";
import { openApiRoutes } from "./routes/openapi.ts";
import {
  healthRoutes,
  memberRoutes,
  statusOnlyRoutes,
} from "./routes/member.ts";

/** What the application needs besides the agent. */
export interface AppOptions {
  /** Asked for every request, so that a reload needs no new application. */
  readonly settings: () => RestSettings;
  readonly metrics: Metrics;
  readonly log: Log;
}

/**
 * The application. `fetch()` rejects where no reply may be sent.
 */
export function createApp(api: AgentApi, options: AppOptions): RestApp {
  const replies = new Replies(options.settings, api.identity.version);
  const context: RestContext = { api, replies, ...options };
  const app = new Hono<RestEnv>({
    getPath: (request) => firstSegment(request.url),
  });
  statusOnlyRoutes(app, context);
  memberRoutes(app, context);
  clusterRoutes(app, context);
  manualFailoverRoutes(app, context);
  actionRoutes(app, context);
  failsafeRoutes(app, context);
  explainRoutes(app, context);
  openApiRoutes(app, context);
  healthRoutes(app, context);
  app.notFound((c) => replies.page(unsupportedMethod(c.req.method)));
  app.onError((error) => {
    if (error instanceof PageProblem) return replies.page(error);
    throw error;
  });
  return app;
}
