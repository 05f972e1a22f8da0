/** What every route needs, and the shape of the application they hang on. */
import type { Hono } from "hono";
import type { AgentApi } from "../ports/agent_api.ts";
import type { HostDesk } from "../ports/host_desk.ts";
import type { Log } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { RouteStream } from "../ports/route_stream.ts";
import type { PulseGate, Receiver } from "./pulse_gate.ts";
import type { ActionCall } from "../ui/action_plan.ts";
import type { ClusterFeed } from "../ui/feed.ts";
import type { OwnFacts } from "../ui/own_facts.ts";
import type { Replies } from "./replies.ts";
import type { RestSettings } from "./rest_settings.ts";

/** Who sent a request, as the socket shows it. */
export interface ClientInfo {
  readonly address: string;
  readonly isTls: boolean;
  readonly hasCertificate: boolean;
  /** The name (CN) in a certificate that counts; null: there is none. */
  readonly certificateName: string | null;
}

/** Hono's types for this application. */
export interface RestEnv {
  Bindings: {
    readonly client?: ClientInfo;
    /** The request wants the connection for itself; whom it is given to, after a 200. */
    readonly handOver?: (to: Receiver) => void;
  };
}

/** The application that the routes hang on. */
export type RestApp = Hono<RestEnv>;

/** What the cluster page shows. */
export interface UiParts {
  readonly feed: ClusterFeed;
  /** What this member tells the others' pages; at once. */
  readonly ownFacts: () => OwnFacts | Promise<OwnFacts>;
  /** Has a member do something; never throws, status 0: it did not answer. */
  readonly callMember: (
    call: ActionCall,
  ) => Promise<{ readonly status: number; readonly text: string }>;
}

/** What every route needs. */
export interface RestContext {
  readonly api: AgentApi;
  readonly replies: Replies;
  readonly settings: () => RestSettings;
  readonly metrics: Metrics;
  /** Null: there is no cluster page. */
  readonly ui: UiParts | null;
  readonly pulse: PulseGate;
  /** Null: no proxy is told where clients may go. */
  readonly routes: RouteStream | null;
  /** Null: this cluster has no certificates of its own. */
  readonly desk: HostDesk | null;
  readonly log: Log;
}
