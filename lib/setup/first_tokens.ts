/** The tokens that `init` prints, one for each of the two hosts that are still to come. */
import { DcsUnreachableError } from "../ports/errors.ts";
import type { StoreSection } from "./blueprint.ts";
import { pathsIn, SETUP_PORTS, type SetupPlaces } from "./layout.ts";
import { TOKEN_MS } from "./lifetimes.ts";
import { makeToken, type TokenOrder } from "./new_token.ts";
import { isOwnStore, storeOn } from "./own_store.ts";
import type { ScopePlace, SetupWorld } from "./setup_world.ts";

/** Who joins is told of this host, and of its authority. */
interface TokenWish extends ScopePlace {
  readonly address: string;
  readonly isStarted: boolean;
  readonly places: SetupPlaces;
  readonly store: StoreSection;
}

/** A first member of etcd that was just started needs a second or two. */
const STORE_UP_MS_MAX = 60_000;
const PAUSE_MS = 500;

/** @throws {DcsUnreachableError} If the store does not answer. */
export async function firstTokens(
  wish: TokenWish,
  world: SetupWorld,
  authorityHash: string,
): Promise<readonly string[]> {
  const store = isOwnStore(wish.store) ? storeOn(wish.store, wish) : wish.store;
  const dcs = await world.openStore(store, wish);
  try {
    const address = { host: wish.address, port: SETUP_PORTS.rest };
    const order: TokenOrder = {
      ...{ use: "join", lifetimeMs: TOKEN_MS, authorityHash, address },
    };
    return [
      await makeToken(dcs, order, world.host),
      await makeToken(dcs, order, world.host),
    ];
  } finally {
    await dcs.close();
  }
}

/**
 * The same of the store that this host's agent has begun to run, or may run; with
 * a note in their place if it does not. Who has started the agent waits longer.
 */
export async function tokensOfOwnStore(
  wish: TokenWish,
  world: SetupWorld,
  authorityHash: string,
): Promise<
  { readonly tokens: readonly string[]; readonly notes: readonly string[] }
> {
  const { host } = world;
  const untilMs = host.wallTimeMs() + (wish.isStarted ? STORE_UP_MS_MAX : 0);
  for (;;) {
    try {
      const tokens = await firstTokens(wish, world, authorityHash);
      return { tokens, notes: [] };
    } catch (error) {
      if (!(error instanceof DcsUnreachableError)) throw error;
      if (host.wallTimeMs() >= untilMs) {
        return { tokens: [], notes: [laterText(wish)] };
      }
    }
    await host.sleep(PAUSE_MS);
  }
}

/** How further hosts come in when the store runs. */
export function laterText(
  { places, isStarted }: Pick<TokenWish, "isStarted" | "places">,
): string {
  const { config } = pathsIn(places.configDir);
  const why = isStarted
    ? "The store does not answer yet: the agent's log says why"
    : "The store runs when the agent does";
  return `${why}. Then matriarch -c ${config} token create gives the command ` +
    "for a further host";
}
