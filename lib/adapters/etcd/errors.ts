/** What an error of etcd or its transport means for the caller of a port. */
import {
  castGrpcError,
  EtcdAuthenticationFailedError,
  EtcdError,
  EtcdInvalidAuthTokenError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  EtcdRoleNotFoundError,
  EtcdUserNotFoundError,
  GRPCAlreadyExistsError,
  GRPCInvalidArgumentError,
  GRPCNotFoundError,
  GRPCNotImplementedError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
  GRPCUnknownError,
} from "etcd3";

/**
 * unsent: surely never reached etcd. unreachable: may have reached it. stale_login:
 * log in again. refused: etcd's answer is no.
 */
export type EtcdTrouble = "unsent" | "unreachable" | "stale_login" | "refused";

const STALE_LOGIN_TEXTS = [
  "user name is empty",
  "invalid auth token",
  "revision of auth store is old",
];

const UNSENT_TEXTS = ["No connection established", "ECONNREFUSED"];

/** Everything else is the transport's, or etcd's "not now". */
const REFUSALS = [
  EtcdAuthenticationFailedError,
  EtcdError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  EtcdRoleNotFoundError,
  EtcdUserNotFoundError,
  GRPCAlreadyExistsError,
  GRPCInvalidArgumentError,
  GRPCNotFoundError,
  GRPCNotImplementedError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
];

/**
 * The kind of trouble that an error of etcd3 is.
 *
 * Source: docs/contract/dcs.md 5.3; Patroni 4.1.4 `etcd3.py`, handled error classes.
 */
export function troubleOf(error: Error): EtcdTrouble {
  const { message } = error;
  const has = (texts: readonly string[]): boolean =>
    texts.some((text) => message.includes(text));
  const isStaleLogin = error instanceof EtcdInvalidAuthTokenError ||
    error instanceof GRPCUnauthenticatedError || has(STALE_LOGIN_TEXTS);
  if (isStaleLogin) return "stale_login";
  if (has(UNSENT_TEXTS)) return "unsent";
  if (message.includes("not a primary lessor")) return "unreachable";
  const isAnswer = error instanceof GRPCUnknownError &&
    message.includes("etcdserver:");
  const isRefusal = REFUSALS.some((kind) => error instanceof kind);
  return isAnswer || isRefusal ? "refused" : "unreachable";
}

/** What gRPC says of answers that are none of gRPC's. */
const STRANGER_TEXTS = [
  "Protocol error",
  "Received HTTP status code",
  // It takes the first bytes of a page for a length.
  "Received message larger than max",
  "without gRPC status",
];

/** Whether what answers is something else than etcd. */
export function isStranger({ message }: Error): boolean {
  return STRANGER_TEXTS.some((text) => message.includes(text));
}

/** Whether all that it says is that the time was over. */
export function isTimeout({ message }: Error): boolean {
  return message.includes("DEADLINE_EXCEEDED");
}

/** Anything thrown, as one of etcd3's error classes. */
export function asEtcdError(thrown: unknown): Error {
  return thrown instanceof Error
    ? castGrpcError(thrown)
    : new Error(String(thrown));
}
