/**
 * GET /pulse (our own): a voter of a takeover asks to be told that its leader
 * lives. The connection is handed over where this answers 200; see pulse_gate.ts.
 */
import { PULSE_PROTOCOL } from "../../core/codec/pulse_codec.ts";
import { guard } from "../access.ts";
import type { RestApp, RestContext } from "../context.ts";
import { PageProblem } from "../problems.ts";

/** Hangs the route on the application. */
export function pulseRoutes(app: RestApp, context: RestContext): void {
  const { pulse, replies } = context;
  app.get("/pulse", guard(context, "members_only"), (c) => {
    const voter = c.req.query("member") ?? "";
    if (!pulse.isWelcome(voter)) throw new PageProblem(503);
    const handOver = c.env?.handOver;
    if (handOver === undefined) {
      return replies.text(426, "Only for members, who ask for an upgrade", {
        "Upgrade": PULSE_PROTOCOL,
      });
    }
    handOver((socket) => pulse.attach(voter, socket));
    return replies.bare(200);
  });
}
