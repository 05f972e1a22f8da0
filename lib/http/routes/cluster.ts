/**
 * GET /cluster, GET /history and the dynamic configuration at /config.
 *
 * Source: docs/contract/rest-api.md 7, 8.
 */
import { clusterDocument } from "../../core/calc/documents/cluster_document.ts";
import {
  deepEqualByText,
  mergePatch,
} from "../../core/calc/documents/config_merge.ts";
import type {
  ClusterView,
  HistoryLine,
} from "../../core/model/cluster_view.ts";
import { guard } from "../access.ts";
import type { RestApp, RestContext } from "../context.ts";
import { PageProblem } from "../problems.ts";
import { mandatoryBody } from "../requests.ts";

/** Hangs the routes on the application. */
export function clusterRoutes(app: RestApp, context: RestContext): void {
  const { api, replies } = context;
  app.get("/cluster", async () => {
    const { members, ...options } = clusterDocument(
      await api.scope.freshView(),
    );
    const { scope } = api.identity;
    return replies.json(200, { members, scope, ...options });
  });
  app.get("/history", async () => {
    const { history } = await knownView(context);
    return replies.json(200, (history ?? []).map(historyItem));
  });
  app.get("/config", async () => {
    const document = (await knownView(context)).config?.document ?? null;
    if (document === null) throw new PageProblem(502);
    return replies.json(200, document);
  });
  app.patch(
    "/config",
    guard(context),
    async (c) => await patchConfig(context, c.req.raw),
  );
  app.put(
    "/config",
    guard(context),
    async (c) => await putConfig(context, c.req.raw),
  );
}

async function patchConfig(
  { api, replies }: RestContext,
  request: Request,
): Promise<Response> {
  const patch = await mandatoryBody(request);
  const config = (await api.scope.freshView()).config;
  if (config === null || config.document === null) throw new PageProblem(503);
  const merged = mergePatch(config.document, patch);
  if (merged.isChanged) {
    const result = await api.scope.writeConfig(merged.value, config.revision);
    if (result !== "written") throw new PageProblem(409);
  }
  api.operator.wake();
  return replies.json(200, merged.value);
}

async function putConfig(
  { api, replies }: RestContext,
  request: Request,
): Promise<Response> {
  const document = await mandatoryBody(request);
  const stored = (await api.scope.freshView()).config?.document ?? null;
  if (stored === null || !deepEqualByText(stored, document)) {
    const result = await api.scope.writeConfig(document, null);
    if (result !== "written") throw new PageProblem(502);
  }
  return replies.json(200, document);
}

async function knownView({ api }: RestContext): Promise<ClusterView> {
  return api.glance().view ?? await api.scope.freshView();
}

/** The last two items can be missing, as on lines of old versions. */
function historyItem(line: HistoryLine): readonly unknown[] {
  const { timeline, switchpoint, reason, timestamp, newLeader } = line;
  return [
    timeline,
    switchpoint,
    reason,
    ...(timestamp === null ? [] : [timestamp]),
    ...(timestamp === null || newLeader === null ? [] : [newLeader]),
  ];
}
