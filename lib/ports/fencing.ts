/** The program that ends the host of a leader which seems to be lost. */
import type { MemberName } from "../core/model/member.ts";

/** Whom it is to end, and for whom. */
export interface FencingOrder {
  readonly scope: string;
  /** The member whose host it is. */
  readonly host: MemberName;
  /** Of that member's PostgreSQL, as its key says; null: it does not. */
  readonly address: string | null;
  /** The member that has it ended. */
  readonly by: MemberName;
  /** From 1 on. */
  readonly attempt: number;
  readonly reason: "leader_suspected";
}

/** Runs the program. */
export interface FencingCommand {
  /**
   * Resolves only if the program ended with exit code 0: the host is off. When it
   * settles nothing of the program's process group is left.
   *
   * @throws {CancelledError} When `signal` aborted.
   * @throws {Error} In one sentence: it cannot be started, failed, or took too long.
   */
  run(
    order: FencingOrder,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void>;
}
