/**
 * GET /explain (our own): what this member decided last, by which rule, for what
 * reason, with the facts compared and the sentence for people.
 */
import { encodeDecision } from "../../core/codec/decision_codec.ts";
import { takeoverDocument } from "../../core/obstacle_text.ts";
import type { JournalRecord } from "../../ports/agent_api.ts";
import type { RestApp, RestContext } from "../context.ts";

/** Hangs the route on the application. */
export function explainRoutes(app: RestApp, context: RestContext): void {
  const { api, replies } = context;
  app.get("/explain", () => {
    const { role, state, lastDecision } = api.glance();
    const { scope, name } = api.identity;
    const outlook = api.lossOutlook();
    return replies.json(200, {
      ...{ scope, name, role, state },
      last_decision: lastDecision,
      takeover: outlook === null ? null : takeoverDocument(outlook),
      decisions: api.decisions().map(decisionItem),
    });
  });
}

function decisionItem({ firstAtMs, lastAtMs, ...record }: JournalRecord) {
  return encodeDecision({
    ...record,
    firstAt: new Date(firstAtMs).toISOString(),
    lastAt: new Date(lastAtMs).toISOString(),
  });
}
