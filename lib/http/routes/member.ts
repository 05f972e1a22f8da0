/**
 * What the member says of itself: `/patroni`, `/metrics`, `/liveness`,
 * `/readiness` and, for every other path, the health checks.
 *
 * Source: docs/contract/rest-api.md 2.3, 4, 5, 6.
 */
import {
  healthCheck,
  liveness,
  readiness,
} from "../../core/calc/lead/health.ts";
import type { AgentStatus } from "../../ports/agent_api.ts";
import type { RestApp, RestContext } from "../context.ts";
import { factSamples } from "../documents/fact_metrics.ts";
import {
  healthFacts,
  type MemberFacts,
  memberFacts,
} from "../documents/member_facts.ts";
import { metricsDocument } from "../documents/metrics_document.ts";
import { statusDocument } from "../documents/status_document.ts";
import { pathOf, queryOf } from "../requests.ts";

/** Before the one second look at an instance that does not answer. */
const RETRY_AFTER_MS = 200;

/**
 * HEAD and OPTIONS: the health check's status line, whatever the path. Must
 * stand before every other route, `/patroni` included.
 */
export function statusOnlyRoutes(app: RestApp, context: RestContext): void {
  app.use(async (c, next) => {
    const { method } = c.req;
    if (method !== "HEAD" && method !== "OPTIONS") {
      await next();
      return c.res;
    }
    const facts = await look(context);
    return context.replies.bare(statusOf(c.req.url, facts));
  });
}

/** Hangs the routes on the application. */
export function memberRoutes(app: RestApp, context: RestContext): void {
  const { api, replies } = context;
  app.get(
    "/liveness",
    () => replies.bare(liveness(livenessFacts(api.glance()))),
  );
  app.get("/readiness", async (c) => {
    const facts = await lookTwice(context);
    const { maximumLagOnFailoverBytes } = facts.status.settings;
    const query = queryOf(c.req.url);
    return replies.bare(
      readiness(healthFacts(facts), query, maximumLagOnFailoverBytes),
    );
  });
  app.get("/patroni", async () => {
    const facts = await lookTwice(context);
    return replies.json(200, statusDocument(api.identity, facts));
  });
  app.get("/metrics", async () => {
    const facts = await look(context);
    const samples = [
      ...context.metrics.samples(),
      ...factSamples(facts, api.lossOutlook()),
    ];
    const failsafeMap = api.lastFailsafeMap();
    return replies.metrics(
      metricsDocument(api.identity, facts, { samples, failsafeMap }),
    );
  });
}

/** GET of any path that has no handler of its own. Must stand last. */
export function healthRoutes(app: RestApp, context: RestContext): void {
  const { api, replies } = context;
  app.get("*", async (c) => {
    const facts = await look(context);
    const document = statusDocument(api.identity, facts);
    return replies.json(statusOf(c.req.url, facts), document);
  });
}

function statusOf(url: string, facts: MemberFacts): number {
  return healthCheck(pathOf(url), healthFacts(facts), queryOf(url));
}

async function look({ api }: RestContext): Promise<MemberFacts> {
  return memberFacts(api.identity.name, await api.status());
}

/** A server that is down needs no second look; one that hangs may come back. */
async function lookTwice(context: RestContext): Promise<MemberFacts> {
  const facts = await look(context);
  const isHanging = facts.state === "unknown" &&
    facts.status.postgres.kind === "unresponsive";
  if (!isHanging) return facts;
  await context.api.sleep(RETRY_AFTER_MS);
  return await look(context);
}

function livenessFacts(status: AgentStatus): Parameters<typeof liveness>[0] {
  const isPrimary = status.role === "primary" || status.role === "promoted";
  return {
    now: status.now,
    nextCycleAt: status.nextCycleAt,
    ttlMs: status.settings.ttlMs,
    isPaused: status.settings.isPaused,
    isRunningPrimary: isPrimary && status.state === "running",
  };
}
