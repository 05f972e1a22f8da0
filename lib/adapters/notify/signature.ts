/**
 * The headers by which a receiver tells our messages from others', and repeats
 * from news.
 *
 * Source: Standard Webhooks, specification 1.0, "Signature scheme".
 */
import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";

/** A secret in base64, as the specification and its libraries write them. */
const ENCODED = "whsec_";

/** What is signed. */
export interface Signed {
  /** Of the message; the same in each attempt. */
  readonly id: string;
  /** Of this attempt, seconds since the epoch. */
  readonly timestampS: number;
  readonly body: string;
}

/**
 * The id of what happened in a scope: whoever tells it, and however often.
 *
 * @param parts Scope, event and what tells it from others.
 */
export function messageId(parts: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(parts));
  return `msg_${hash.digest("hex").slice(0, 32)}`;
}

/**
 * The three headers of a message; without a secret only two.
 *
 * @param secret `whsec_` and base64, or any other text as it is.
 */
export function signedHeaders(
  { id, timestampS, body }: Signed,
  secret: string | null,
): Readonly<Record<string, string>> {
  const timestamp = String(timestampS);
  const headers = { "webhook-id": id, "webhook-timestamp": timestamp };
  if (secret === null) return headers;
  const signature = createHmac("sha256", keyOf(secret))
    .update(`${id}.${timestamp}.${body}`).digest("base64");
  return { ...headers, "webhook-signature": `v1,${signature}` };
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(ENCODED)
    ? Buffer.from(secret.slice(ENCODED.length), "base64")
    : Buffer.from(secret, "utf8");
}
