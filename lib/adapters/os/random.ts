/** Randomness of this process. Not for secrets; it only spreads retries. */
import type { Random } from "../../ports/random.ts";

/** The runtime's generator. */
export class SystemRandom implements Random {
  next(): number {
    return Math.random();
  }
}
