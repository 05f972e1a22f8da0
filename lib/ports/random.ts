/** Randomness, injected so that the simulator can replay it. */

/** A uniform number in [0, 1). */
export interface Random {
  next(): number;
}
