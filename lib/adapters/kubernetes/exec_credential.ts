/**
 * What is said to a login program, and what it answers. Nothing of an answer
 * stands in an error: it has secrets.
 *
 * Source: Kubernetes' documentation, "Authenticating", client-go credential
 * plugins; API reference client-authentication.v1.
 */
import { asObject, parseJson } from "../../core/codec/json.ts";
import type { CertificatePair, LoginProgram } from "./options.ts";

const KIND = "ExecCredential";
/** Of RFC 3339; what is left is for Date. */
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,20}(?:Z|[+-][0-9:]{5})$/;
/** What a header may carry. */
const TOKEN = /^[!-~]+$/;

/** What lets requests in. */
export interface ExecCredential {
  readonly token: string | null;
  readonly pair: CertificatePair | null;
  /** Milliseconds since the epoch; null: until it is refused. */
  readonly endsAtMs: number | null;
}

/** The value of `KUBERNETES_EXEC_INFO`. */
export function execInfo(
  { apiVersion, cluster }: Pick<LoginProgram, "apiVersion" | "cluster">,
): string {
  const spec = {
    ...(cluster === null ? {} : { cluster }),
    interactive: false,
  };
  return JSON.stringify({ apiVersion, kind: KIND, spec });
}

/**
 * Reads what the program printed.
 *
 * @throws {Error} With the rest of a sentence that begins with the program.
 */
export function readExecCredential(
  text: string,
  apiVersion: string,
): ExecCredential {
  const answer = objectOf(text);
  if (answer === null || answer["kind"] !== KIND) {
    throw new Error(`did not print an ${KIND} in JSON`);
  }
  if (answer["apiVersion"] !== apiVersion) {
    throw new Error(
      `answers in another version than ${apiVersion}, which the kubeconfig names`,
    );
  }
  const status = asObject(answer["status"]) ?? {};
  const credential = {
    token: tokenOf(status["token"]),
    pair: pairOf(
      status["clientCertificateData"],
      status["clientKeyData"],
    ),
    endsAtMs: endOf(status["expirationTimestamp"]),
  };
  if (credential.token !== null || credential.pair !== null) return credential;
  throw new Error("gave neither a token nor a client certificate");
}

function objectOf(text: string): ReturnType<typeof asObject> {
  try {
    return asObject(parseJson(text));
  } catch {
    return null;
  }
}

function tokenOf(value: unknown): string | null {
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "string" && TOKEN.test(value)) return value;
  throw new Error("gave a token that no header can carry");
}

function pairOf(cert: unknown, key: unknown): CertificatePair | null {
  const isNone = (value: unknown): boolean =>
    value === undefined || value === null || value === "";
  if (isNone(cert) && isNone(key)) return null;
  const isPem = (value: unknown): value is string =>
    typeof value === "string" && value.includes("-----BEGIN ");
  if (isPem(cert) && isPem(key)) return { cert, key };
  throw new Error("gave a client certificate or key that is no PEM");
}

function endOf(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  const ms = typeof value === "string" && TIME.test(value)
    ? Date.parse(value)
    : NaN;
  if (Number.isFinite(ms)) return ms;
  throw new Error("gave an expirationTimestamp that is no time");
}
