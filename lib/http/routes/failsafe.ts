/**
 * /failsafe: who must agree before a primary without DCS may go on.
 *
 * Source: spec/rest-api.md 12.
 */
import { guard } from "../access.ts";
import type { RestApp, RestContext } from "../context.ts";
import { PageProblem } from "../problems.ts";
import { mandatoryBody } from "../requests.ts";
import { checkBody, failsafeBody } from "../schemas.ts";

/** Hangs the routes on the application. */
export function failsafeRoutes(app: RestApp, context: RestContext): void {
  const { api, replies } = context;
  app.get("/failsafe", () => {
    const { view, dcsLastSeen } = api.glance();
    if (view === null && dcsLastSeen === 0) return replies.json(200, {});
    const failsafe = view?.failsafe ?? null;
    if (failsafe === null) throw new PageProblem(502);
    return replies.json(200, failsafe);
  });
  app.post(
    "/failsafe",
    guard(context, "members_do_not_count"),
    async (c) => {
      const { settings, role } = api.glance();
      if (!settings.isFailsafeMode) throw new PageProblem(502);
      const checked = checkBody(failsafeBody, await mandatoryBody(c.req.raw));
      if (checked.kind === "invalid") return replies.text(400, checked.text);
      if (role === "primary" || role === "promoted") {
        return replies.text(500, "Running as a leader");
      }
      // Anything but "Accepted" makes the sender demote, which is safe.
      return replies.text(501, "Failsafe mode is not supported yet");
    },
  );
}
