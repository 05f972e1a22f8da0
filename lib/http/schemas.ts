/**
 * The bodies of requests as zod schemas. Unknown fields are ignored, as they
 * always were; a field of a wrong type is named in the answer.
 */
import { z } from "zod";

const text = z.string().nullish();

/** Body of POST /switchover and /failover. `member` is the old name of `candidate`. */
export const manualFailoverBody = z.object({
  leader: text,
  candidate: text,
  member: text,
  scheduled_at: text,
});

/** Body of POST /failsafe, sent by the primary. */
export const failsafeBody = z.object({
  name: z.string().min(1),
  conn_url: z.string().min(1),
  api_url: z.string().min(1),
  slots: z.record(z.string(), z.unknown()).nullish(),
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
