/**
 * /failsafe: who must agree before a primary without DCS may go on.
 *
 * Source: docs/contract/rest-api.md 12.
 */
import { guard } from "../access.ts";
import type { RestApp, RestContext } from "../context.ts";
import { PageProblem } from "../problems.ts";
import { mandatoryBody } from "../requests.ts";
import { checkBody, failsafeBody } from "../schemas.ts";
import { readLsn } from "../../core/codec/json.ts";
import type { FailsafePing } from "../../core/model/failsafe.ts";

/** Hangs the routes on the application. */
export function failsafeRoutes(app: RestApp, context: RestContext): void {
  const { api, replies } = context;
  app.get("/failsafe", () => {
    if (api.glance().dcsLastSeen === 0) return replies.json(200, {});
    const map = api.lastFailsafeMap();
    if (map === null) throw new PageProblem(502);
    return replies.json(200, map);
  });
  app.post(
    "/failsafe",
    guard(context, "members_only"),
    async (c) => {
      const { settings, role } = api.glance();
      if (!settings.isFailsafeMode) throw new PageProblem(502);
      const checked = checkBody(failsafeBody, await mandatoryBody(c.req.raw));
      if (checked.kind === "invalid") return replies.text(400, checked.text);
      if (role === "primary" || role === "promoted") {
        return replies.text(500, "Running as a leader");
      }
      const { name, conn_url: connUrl, api_url: apiUrl, ttl } = checked.value;
      const slots = slotPositions(checked.value.slots ?? {});
      const consent = await api.acceptFailsafe({
        name,
        connUrl,
        apiUrl,
        slots,
        ttlMs: ttl == null ? null : ttl * 1000,
      });
      if (consent.kind === "refused") {
        switch (consent.why) {
          case "leading":
            return replies.text(500, "Running as a leader");
          case "stranger":
            return replies.text(403, "Not a leader of this scope");
          case "pledged":
            return replies.text(503, "Pledged against the leader");
        }
      }
      const { position } = consent;
      const accepted = replies.text(200, "Accepted");
      if (position !== null) accepted.headers.set("lsn", String(position));
      return accepted;
    },
  );
}

/** Positions that cannot be read are left out. */
function slotPositions(
  slots: Readonly<Record<string, unknown>>,
): FailsafePing["slots"] {
  return Object.fromEntries(
    Object.entries(slots).flatMap(([name, value]) => {
      const position = readLsn(value);
      return position === null ? [] : [[name, position]];
    }),
  );
}
