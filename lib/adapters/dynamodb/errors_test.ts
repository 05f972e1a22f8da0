import assert from "node:assert/strict";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { isClockCorrected, isOfCredentials, storeError } from "./errors.ts";

/** What the SDK throws. */
function thrown(
  name: string,
  message: string,
  more: { readonly status?: number; readonly code?: string } = {},
): Error {
  const { status, code } = more;
  return Object.assign(new Error(message), {
    name,
    code,
    $metadata: { httpStatusCode: status },
  });
}

Deno.test("what a failure means is told by its name, status and code", () => {
  const refused = DcsRefusedError;
  const away = DcsUnreachableError;
  const token = "Canonical String\nx-amz-security-token:very-secret";
  for (
    const [error, kind, text] of [
      [thrown("TimeoutError", "socket hang up", { code: "ECONNRESET" }), away],
      [thrown("AbortError", "Request aborted"), away],
      [thrown("Error", "getaddrinfo ENOTFOUND h", { code: "ENOTFOUND" }), away],
      [thrown("SyntaxError", "no JSON", { status: 502 }), away],
      [thrown("Unknown", "odd", { status: 429 }), away],
      ["odd", away, "Cannot reach DynamoDB: odd"],
      [thrown("ThrottlingException", "slow", { status: 400 }), away],
      [thrown("SyntaxError", "no JSON", { status: 200 }), refused],
      [thrown("Error", "no HTTP", { code: "HPE_INVALID_CONSTANT" }), refused],
      [
        ...[thrown("CredentialsProviderError", "none"), refused] as const,
        "There are no credentials for DynamoDB (set access_key_id and " +
        "secret_access_key, a profile, AWS's variables, or a role of the " +
        "host): none",
      ],
      [
        thrown("InvalidSignatureException", token, { status: 400 }),
        ...[
          refused,
          "DynamoDB does not accept these credentials (InvalidSignatureException)",
        ] as const,
      ],
    ] as const
  ) {
    const made = storeError(error, "DynamoDB");
    assert.ok(made instanceof kind, Deno.inspect(made));
    assert.ok(!made.message.includes("\n"));
    if (text !== undefined) assert.equal(made.message, text);
    assert.equal(storeError(made, "DynamoDB"), made);
  }
});

Deno.test("only a refused signature is made anew by another clock", () => {
  const corrected = (name: string) =>
    Object.assign(new Error(), {
      name,
      $metadata: { httpStatusCode: 400, clockSkewCorrected: true },
    });
  assert.ok(isClockCorrected(corrected("InvalidSignatureException")));
  assert.ok(isClockCorrected(corrected("RequestTimeTooSkewed")));
  // Something may have been done.
  assert.ok(!isClockCorrected(corrected("InternalServerError")));
  assert.ok(!isClockCorrected(corrected("ConditionalCheckFailedException")));
  assert.ok(!isClockCorrected(thrown("RequestTimeTooSkewed", "")));
  assert.ok(isOfCredentials(thrown("ExpiredTokenException", "")));
  assert.ok(!isOfCredentials(thrown("AccessDeniedException", "")));
});
