/** GET /openapi.json (our own): what this API can do, for tools. */
import type { RestApp, RestContext } from "../context.ts";
import { openApiDocument } from "../openapi/document.ts";

/** Hangs the route on the application. */
export function openApiRoutes(app: RestApp, context: RestContext): void {
  const { api, replies } = context;
  const document = openApiDocument(api.identity.version);
  app.get("/openapi.json", () => replies.json(200, document));
}
