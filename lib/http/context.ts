/** What every route needs, and the shape of the application they hang on. */
import type { Hono } from "hono";
import type { AgentApi } from "../ports/agent_api.ts";
import type { Log } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Replies } from "./replies.ts";
import type { RestSettings } from "./rest_settings.ts";

/** Who sent a request, as the socket shows it. */
export interface ClientInfo {
  readonly address: string;
  readonly isTls: boolean;
  readonly hasCertificate: boolean;
}

/** Hono's types for this application. */
export interface RestEnv {
  Bindings: { readonly client?: ClientInfo };
}

/** The application that the routes hang on. */
export type RestApp = Hono<RestEnv>;

/** What every route needs. */
export interface RestContext {
  readonly api: AgentApi;
  readonly replies: Replies;
  readonly settings: () => RestSettings;
  readonly metrics: Metrics;
  readonly log: Log;
}
