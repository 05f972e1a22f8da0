/** What a failure of a call of DynamoDB's means for the caller of a port. */
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";

/** The table is not there. */
export const MISSING = "ResourceNotFoundException";
/** Somebody else is making it. */
export const IN_USE = "ResourceInUseException";
/** The condition of a put did not hold. */
export const OUTDATED = "ConditionalCheckFailedException";

const UNKNOWN_KEYS: ReadonlySet<string> = new Set([
  "IncompleteSignatureException",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "MissingAuthenticationTokenException",
  "SignatureDoesNotMatch",
  "UnrecognizedClientException",
]);

const EXPIRED_KEYS: ReadonlySet<string> = new Set([
  "ExpiredToken",
  "ExpiredTokenException",
]);

const CLOCK_IS_OFF: ReadonlySet<string> = new Set([
  "RequestExpired",
  "RequestInTheFuture",
  "RequestTimeTooSkewed",
]);

const NO_RIGHTS: ReadonlySet<string> = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "NotAuthorized",
  "UnauthorizedOperation",
]);

/** None of AWS's sources had any, or one of them refused. */
const NO_CREDENTIALS: ReadonlySet<string> = new Set([
  "CredentialsProviderError",
  "ProviderError",
  "TokenProviderError",
]);

/** The asker is not at fault: later, or more capacity. */
const NOT_NOW: ReadonlySet<string> = new Set([
  "InternalServerError",
  "LimitExceededException",
  "ProvisionedThroughputExceededException",
  "ReplicatedWriteConflictException",
  "RequestLimitExceeded",
  "ServiceUnavailable",
  "Throttling",
  "ThrottlingException",
  "TransactionInProgressException",
]);

/** The bytes of the answer are no HTTP. */
const NO_HTTP: ReadonlySet<string> = new Set([
  "HPE_INVALID_CONSTANT",
  "HPE_INVALID_VERSION",
]);

const TEXT_LENGTH_MAX = 200;

/** What the SDK throws, as far as it is looked at. */
interface Failure {
  readonly name: string;
  readonly text: string;
  /** Of the system or the HTTP parser; empty: none. */
  readonly code: string;
  /** Of the answer; null: there was none. */
  readonly status: number | null;
  readonly isClockCorrected: boolean;
}

/** Whether the answer was that error of AWS's. */
export function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

/**
 * Whether a signature was refused, so that nothing was done, and the SDK has
 * learnt from the answer how far the host's clock is off, so that a new one helps.
 */
export function isClockCorrected(error: unknown): boolean {
  const { name, isClockCorrected } = failureOf(error);
  const isOfSignature = CLOCK_IS_OFF.has(name) || UNKNOWN_KEYS.has(name);
  return isClockCorrected && isOfSignature;
}

/** Whether other credentials may help, so that AWS's files should be read anew. */
export function isOfCredentials(error: unknown): boolean {
  const { name } = failureOf(error);
  return UNKNOWN_KEYS.has(name) || EXPIRED_KEYS.has(name) ||
    NO_CREDENTIALS.has(name);
}

/**
 * The error that a failure is.
 *
 * @param place For the reader of the message: {@link placeOf}.
 */
export function storeError(
  error: unknown,
  place: string,
): DcsRefusedError | DcsUnreachableError {
  if (
    error instanceof DcsRefusedError || error instanceof DcsUnreachableError
  ) {
    return error;
  }
  const failure = failureOf(error);
  const refusal = refusalOf(failure, place);
  if (refusal !== null) return new DcsRefusedError(refusal, { cause: error });
  const said = shown(failure.text);
  return new DcsUnreachableError(
    failure.status === null
      ? `Cannot reach ${place}: ${said}`
      : `${place} cannot serve: ${failure.name}, ${said} ` +
        `(status ${failure.status})`,
    { cause: error },
  );
}

function refusalOf(failure: Failure, place: string): string | null {
  const { name, text, status } = failure;
  const said = shown(text);
  if (isOfClock(failure)) {
    return `${place} does not take this host's signature, because its clock ` +
      "is more than five minutes off: set it";
  }
  // What AWS says here repeats the request, a session token included.
  if (EXPIRED_KEYS.has(name)) {
    return `The credentials for ${place} have expired: renew them`;
  }
  if (UNKNOWN_KEYS.has(name)) {
    return `${place} does not accept these credentials (${name})`;
  }
  if (NO_CREDENTIALS.has(name)) {
    return `There are no credentials for ${place} (set access_key_id and ` +
      "secret_access_key, a profile, AWS's variables, or a role of the " +
      `host): ${said}`;
  }
  if (NO_RIGHTS.has(name)) {
    return `${place} does not give these credentials the rights to keep a ` +
      `scope: ${said}`;
  }
  if (status === null) {
    if (/^Region is missing/.test(text)) {
      return "The section dynamodb has no region, and neither AWS_REGION nor " +
        "AWS's files name one";
    }
    return NO_HTTP.has(failure.code)
      ? `What answers for ${place} is not DynamoDB: ${said}`
      : null;
  }
  if (status === 429 || status >= 500 || NOT_NOW.has(name)) return null;
  return status === 400 && /^[A-Z][A-Za-z]{1,60}Exception$/.test(name)
    ? `${place} refuses: ${name}, ${said}`
    : `What answers for ${place} is not DynamoDB: status ${status}, ${said}`;
}

/** DynamoDB says it as a signature that has expired, or is not good yet. */
function isOfClock({ name, text }: Failure): boolean {
  return CLOCK_IS_OFF.has(name) ||
    (name === "InvalidSignatureException" &&
      /^Signature (?:expired|not yet current)/.test(text));
}

function failureOf(error: unknown): Failure {
  const name = error instanceof Error ? error.name : "";
  const metadata = valueAt(error, "$metadata");
  const status = valueAt(metadata, "httpStatusCode");
  const code = valueAt(error, "code");
  return {
    name,
    text: error instanceof Error ? error.message : String(error),
    code: typeof code === "string" ? code : "",
    status: typeof status === "number" ? status : null,
    isClockCorrected: valueAt(metadata, "clockSkewCorrected") === true,
  };
}

function valueAt(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? Reflect.get(value, key)
    : undefined;
}

/** A text of a stranger, fit for one line of a log. */
function shown(text: string): string {
  const [first = ""] = text.split("\n  Deserialization error:");
  const line = first.replace(/[^\x20-\x7e\u00a0-\uffff]+/g, " ").trim();
  if (line === "") return "(no text)";
  return line.length > TEXT_LENGTH_MAX
    ? `${line.slice(0, TEXT_LENGTH_MAX)}...`
    : line;
}
