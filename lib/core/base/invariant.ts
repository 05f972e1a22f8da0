/**
 * The always-on assertion of product code: a broken invariant is a bug of ours,
 * never something that an operator or the world did.
 */

/** A condition that the code relies on does not hold. */
class InvariantError extends Error {
  override readonly name: string = "InvariantError";

  constructor(what: string, readonly facts: Readonly<Record<string, unknown>>) {
    super(`Broken invariant: ${what}`);
  }
}

/**
 * Throws unless `condition` holds.
 *
 * @param what The expectation in words, for example "rounds stay bounded".
 * @param facts The values involved; logged with the error.
 * @throws {InvariantError} If the condition is false.
 *
 * @example
 * ```ts
 * import { invariant } from "./invariant.ts";
 * invariant(1 + 1 === 2, "arithmetic works");
 * ```
 */
export function invariant(
  condition: unknown,
  what: string,
  facts: Readonly<Record<string, unknown>> = {},
): asserts condition {
  if (!condition) throw new InvariantError(what, facts);
}
