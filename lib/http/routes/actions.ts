/**
 * Requests to this one member: /restart, /reload, /reinitialize, /sigterm, and
 * the Citus events that only a coordinator would act on.
 *
 * Source: docs/contract/rest-api.md 10, 11, 13.
 */
import { parseBool } from "../../core/base/scalars.ts";
import { guard } from "../access.ts";
import type { RestApp, RestContext } from "../context.ts";
import { mandatoryBody, optionalBody } from "../requests.ts";
import { readRestart } from "../restart_request.ts";
import { checkBody, reinitializeBody } from "../schemas.ts";

/** Hangs the routes on the application. */
export function actionRoutes(app: RestApp, context: RestContext): void {
  const { api, replies } = context;
  app.post(
    "/restart",
    guard(context),
    async (c) => await restart(context, c.req.raw),
  );
  app.delete(
    "/restart",
    guard(context),
    () =>
      api.operator.cancelScheduledRestart()
        ? replies.text(200, "scheduled restart deleted")
        : replies.text(404, "no restarts are scheduled"),
  );
  app.post("/reload", guard(context), () => {
    api.operator.reload();
    return replies.text(202, "reload scheduled");
  });
  app.post(
    "/reinitialize",
    guard(context),
    async (c) => await reinitialize(context, c.req.raw),
  );
  app.post(
    "/sigterm",
    guard(context),
    () => {
      api.operator.shutDown();
      return replies.text(202, "shutdown scheduled");
    },
  );
  for (const path of ["/citus", "/mpp"]) {
    app.post(path, guard(context), async (c) => {
      await mandatoryBody(c.req.raw);
      return replies.text(200, "OK");
    });
  }
}

async function restart(
  { api, replies, log }: RestContext,
  raw: Request,
): Promise<Response> {
  const body = await optionalBody(raw);
  await api.scope.freshView();
  if (Object.hasOwn(body, "schedule") && api.glance().settings.isPaused) {
    return replies.text(500, "Can't schedule restart in the paused state");
  }
  const request = readRestart(body, Date.now());
  if (request.kind === "refused") {
    return replies.text(request.status, request.text);
  }
  const { filters, scheduledAt } = request;
  try {
    const outcome = scheduledAt === null
      ? await api.operator.restart(filters)
      : await api.operator.scheduleRestart(filters, scheduledAt);
    return replies.text(outcome.status, outcome.text);
  } catch (error) {
    log.error("Cannot restart PostgreSQL for a REST request", { error });
    return replies.text(400, "restart failed");
  }
}

async function reinitialize(
  { api, replies }: RestContext,
  raw: Request,
): Promise<Response> {
  const checked = checkBody(reinitializeBody, await optionalBody(raw));
  if (checked.kind === "invalid") return replies.text(400, checked.text);
  const body = checked.value;
  const { leader } = await api.scope.freshView();
  if (leader === null) {
    return replies.text(503, "Cluster has no leader, can not reinitialize");
  }
  if (leader.name === api.identity.name) {
    return replies.text(503, "I am the leader, can not reinitialize");
  }
  const outcome = await api.operator.reinitialize({
    isForced: parseBool(body.force) === true,
    isForcedFromLeader: parseBool(body.from_leader) === true,
  });
  return replies.text(outcome.status, outcome.text);
}
