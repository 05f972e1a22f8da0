/**
 * /join and /certificate: certificates for hosts that show a token, and for
 * members that show the certificate they have. Ours; Patroni has neither.
 */
import type { DeskAnswer, HostDesk } from "../../ports/host_desk.ts";
import { guard } from "../access.ts";
import type { RestApp, RestContext } from "../context.ts";
import { unsupportedMethod } from "../problems.ts";
import { mandatoryBody } from "../requests.ts";
import { certificateBody, checkBody, joinBody } from "../schemas.ts";

/** Hangs the routes on the application. */
export function hostDeskRoutes(app: RestApp, context: RestContext): void {
  const { replies } = context;
  // The token is what lets in; who asks has no certificate and no password yet.
  app.post("/join", async (c) => {
    const desk = deskOf(context);
    const client = c.env?.client ?? null;
    if (client?.isTls !== true) {
      return replies.text(403, "a token is for TLS alone");
    }
    const checked = checkBody(joinBody, await mandatoryBody(c.req.raw));
    if (checked.kind === "invalid") return replies.text(400, checked.text);
    const { now, postgres_majors: postgresMajors, ...rest } = checked.value;
    const request = { ...rest, nowMs: now, postgresMajors };
    return replied(context, await desk.admit(request, client.address));
  });
  app.post("/certificate", guard(context), async (c) => {
    const desk = deskOf(context);
    const name = c.env?.client?.certificateName ?? null;
    if (name === null) {
      return replies.text(403, "a certificate of this cluster is required");
    }
    const checked = checkBody(certificateBody, await mandatoryBody(c.req.raw));
    if (checked.kind === "invalid") return replies.text(400, checked.text);
    return replied(context, await desk.renew({ name, ...checked.value }));
  });
}

/** @throws {PageProblem} If there is none. */
function deskOf({ desk }: RestContext): HostDesk {
  if (desk === null) throw unsupportedMethod("POST");
  return desk;
}

function replied({ replies }: RestContext, answer: DeskAnswer): Response {
  return answer.kind === "granted"
    ? replies.json(200, answer.document)
    : replies.text(answer.status, answer.text);
}
