/** Makes a token: the store keeps its hash, its text is seen once. */
import type { HostPort } from "../config/addresses.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { SetupHost } from "../ports/setup.ts";
import { updateBook } from "./store_keys.ts";
import { formatToken } from "./token.ts";
import { type TokenUse, withToken } from "./token_book.ts";

/** What the token is to be. */
export interface TokenOrder {
  readonly use: TokenUse;
  readonly lifetimeMs: number;
  readonly authorityHash: string;
  /** The REST address of who signs. */
  readonly address: HostPort;
}

const ID_BYTES = 6;
const SECRET_BYTES = 32;

/** The token's text. @throws {DcsUnreachableError} */
export async function makeToken(
  dcs: Dcs,
  order: TokenOrder,
  host: Pick<SetupHost, "randomText" | "hash" | "wallTimeMs">,
): Promise<string> {
  const id = host.randomText(ID_BYTES);
  const secret = host.randomText(SECRET_BYTES);
  const nowMs = host.wallTimeMs();
  const kept = {
    ...{ id, hash: host.hash(secret), use: order.use },
    ...{ expiresAtMs: nowMs + order.lifetimeMs, spent: null },
  };
  await updateBook(dcs, (book) => ({
    value: withToken(book, kept, nowMs),
    answer: null,
  }));
  const { authorityHash, address } = order;
  return formatToken({ id, secret, authorityHash, address });
}
