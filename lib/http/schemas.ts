/**
 * The bodies of requests as zod schemas: they check, and `/openapi.json` is made
 * from them. Unknown fields are ignored, as they always were; a field of a wrong
 * type is named in the answer.
 */
import * as z from "zod";
import { visible } from "../core/base/visible.ts";
import { parseBool } from "../core/base/scalars.ts";

const text = z.string().nullish();

/** Longer than the name of any member. */
const NAME_LENGTH_MAX = 256;

/** A member's name: it is logged, stored and shown, so it is one line of text. */
const memberName = z.string().max(NAME_LENGTH_MAX)
  .refine((name) => visible(name) === name, {
    error: "Invalid input: a name has no control characters",
  }).nullish();

/** Body of POST /switchover and /failover. `member` is the old name of `candidate`. */
export const manualFailoverBody = z.object({
  leader: memberName,
  candidate: memberName,
  member: memberName,
  scheduled_at: text,
});

/** Body of POST /failsafe, sent by the primary. */
export const failsafeBody = z.object({
  name: z.string().min(1),
  conn_url: z.string().min(1),
  api_url: z.string().min(1),
  slots: z.record(z.string(), z.unknown()).nullish(),
  ttl: z.number().positive().max(86_400).nullish(),
});

/** Body of POST /restart; other fields are refused, by the text of the contract. */
export const restartBody = z.strictObject({
  schedule: z.string(),
  role: z.enum(["primary", "standby_leader", "replica"]),
  postgres_version: z.union([z.string(), z.number()]),
  timeout: z.union([z.number(), z.string()]),
  /** Its presence counts, whatever its value. */
  restart_pending: z.unknown(),
}).partial();

/** A boolean, or text or number that reads as one. */
const flag = z.union([z.boolean(), z.number(), z.string()])
  .refine((value) => parseBool(value) !== null, {
    error: "Invalid input: expected one of on, off, true, false, yes, no, 1, 0",
  }).nullish();

/** Body of POST /reinitialize. */
export const reinitializeBody = z.object({ force: flag, from_leader: flag });

const hosts = z.array(z.string().min(1).max(253)).max(16);
/** A signing request has about 600 characters. */
const signingRequest = z.string().min(1).max(8_192);

/** Body of POST /join, of a host that has no certificate yet or none that counts. */
export const joinBody = z.object({
  token: z.object({
    id: z.string().max(64),
    secret: z.string().max(256),
  }),
  use: z.enum(["join", "renew"]),
  name: z.string().min(1).max(64),
  hosts,
  request: signingRequest,
  now: z.number(),
  postgres_majors: z.array(z.int().min(1).max(999)).max(32),
});

/** Body of POST /certificate, of a member whose certificate counts. */
export const certificateBody = z.object({ hosts, request: signingRequest });

/** Body of POST /ui/rehearse. */
export const wantedActionBody = z.object({
  action: z.enum([
    ...["switchover", "pause", "resume", "restart", "reinitialize"] as const,
    ...["flush_switchover", "flush_restart"] as const,
  ]),
  member: memberName,
});

/** Body of POST /ui/act. */
export const ticketBody = z.object({ ticket: z.string().max(64) });

/** Body of PATCH and PUT /config, and of the Citus events: any object but `{}`. */
export const anyObjectBody = z.record(z.string(), z.unknown()).meta({
  minProperties: 1,
});

/** A body that was checked, or the sentence for who sent it. */
export type Checked<T> =
  | { readonly kind: "valid"; readonly value: T }
  | { readonly kind: "invalid"; readonly text: string };

/** Checks a body against a schema; the sentence names every field at fault. */
export function checkBody<T>(
  schema: z.ZodType<T>,
  body: unknown,
): Checked<T> {
  const result = schema.safeParse(body);
  if (result.success) return { kind: "valid", value: result.data };
  const problems = result.error.issues.map((issue) =>
    `${issue.path.join(".")}: ${issue.message}`
  );
  return { kind: "invalid", text: problems.join("; ") };
}
