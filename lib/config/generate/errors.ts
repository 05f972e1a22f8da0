/** A configuration cannot be generated; the message is for stderr as it is. */
export class GeneratorError extends Error {
  override readonly name: string = "GeneratorError";
}
