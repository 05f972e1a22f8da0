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
import type { HostDesk } from "../ports/host_desk.ts";
import type { Log } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { RestApp, RestContext, RestEnv, UiParts } from "./context.ts";
import type { RouteStream } from "../ports/route_stream.ts";
import { PageProblem, unsupportedMethod } from "./problems.ts";
import { NO_PULSE, type PulseGate } from "./pulse_gate.ts";
import { Replies } from "./replies.ts";
import { firstSegment } from "./requests.ts";
import type { RestSettings } from "./rest_settings.ts";
import { actionRoutes } from "./routes/actions.ts";
import { clusterRoutes } from "./routes/cluster.ts";
import { explainRoutes } from "./routes/explain.ts";
import { hostDeskRoutes } from "./routes/host_desk.ts";
import { failsafeRoutes } from "./routes/failsafe.ts";
import { manualFailoverRoutes } from "./routes/manual_failover.ts";
import { openApiRoutes } from "./routes/openapi.ts";
import { pulseRoutes } from "./routes/pulse.ts";
import { routeRoutes } from "./routes/routes.ts";
import { uiRoutes } from "./routes/ui.ts";
import { uiActionRoutes } from "./routes/ui_actions.ts";
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
  /** Who speaks to voters; absent: nobody does. */
  readonly pulse?: PulseGate | undefined;
  /** Absent: no proxy is told where clients may go. */
  readonly routes?: RouteStream | null;
  readonly log: Log;
  /** Absent: there is no cluster page. */
  readonly ui?: UiParts | null;
  /** Absent: this cluster has no certificates of its own. */
  readonly desk?: HostDesk | null;
}

/**
 * The application. `fetch()` rejects where no reply may be sent.
 */
export function createApp(api: AgentApi, options: AppOptions): RestApp {
  const replies = new Replies(options.settings, api.identity.version);
  const { pulse = NO_PULSE, ui = null, desk = null, routes = null } = options;
  const context: RestContext = {
    ...{ api, replies, ...options },
    ...{ pulse, ui, desk, routes },
  };
  const app = new Hono<RestEnv>({
    getPath: (request) => firstSegment(request.url),
  });
  statusOnlyRoutes(app, context);
  memberRoutes(app, context);
  clusterRoutes(app, context);
  manualFailoverRoutes(app, context);
  actionRoutes(app, context);
  failsafeRoutes(app, context);
  hostDeskRoutes(app, context);
  explainRoutes(app, context);
  openApiRoutes(app, context);
  pulseRoutes(app, context);
  routeRoutes(app, context);
  uiRoutes(app, context);
  uiActionRoutes(app, context);
  healthRoutes(app, context);
  app.notFound((c) => replies.page(unsupportedMethod(c.req.method)));
  app.onError((error) => {
    if (error instanceof PageProblem) return replies.page(error);
    throw error;
  });
  return app;
}
