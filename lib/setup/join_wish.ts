/** What `join` is called for. */
import type { HostPort } from "../config/addresses.ts";
import type { InitWish } from "./init_wish.ts";
import type { Token } from "./token.ts";

/** What the operator wants. */
export interface JoinWish extends
  Pick<
    InitWish,
    | "name"
    | "address"
    | "user"
    | "pgBin"
    | "places"
    | "isDryRun"
    | "isStarted"
  > {
  /** Whom to ask. */
  readonly peer: HostPort;
  readonly token: Token;
  /** No PostgreSQL: a vote in the store and a proxy. */
  readonly isWitness: boolean;
  /** Whether the user is made if there is none. */
  readonly mayMakeUser: boolean;
}
