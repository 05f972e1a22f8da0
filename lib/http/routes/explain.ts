/**
 * GET /explain (our own): what this member decided last, by which rule, for what
 * reason, with the facts compared and the sentence for people.
 */
import type { DecisionRecord } from "../../ports/agent_api.ts";
import type { RestApp, RestContext } from "../context.ts";

/** Hangs the route on the application. */
export function explainRoutes(app: RestApp, context: RestContext): void {
  const { api, replies } = context;
  app.get("/explain", () => {
    const { role, state, lastDecision } = api.glance();
    const { scope, name } = api.identity;
    return replies.json(200, {
      ...{ scope, name, role, state },
      last_decision: lastDecision,
      decisions: api.decisions().map(decisionItem),
    });
  });
}

function decisionItem(
  record: DecisionRecord,
): Readonly<Record<string, unknown>> {
  return {
    rule: record.rule,
    decision: record.kind,
    ...(record.task === null ? {} : { task: record.task }),
    reason: record.reason,
    facts: record.facts,
    text: record.sentence,
    first_at: new Date(record.firstAtMs).toISOString(),
    last_at: new Date(record.lastAtMs).toISOString(),
    count: record.count,
  };
}
