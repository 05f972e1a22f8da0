/** A cluster that is about to be made says so in its store, before anything is made. */
import { firstRecord } from "./authority_record.ts";
import type { DecidedDraft } from "./draft.ts";
import type { InitWish } from "./init_wish.ts";
import { pathsIn } from "./layout.ts";
import type { SetupWorld } from "./setup_world.ts";
import { readScopeKeys, updateAuthority } from "./store_keys.ts";

/** Of two first hosts of one cluster the store takes one; null: this one. */
export async function claimScope(
  wish: InitWish,
  world: SetupWorld,
  draft: DecidedDraft,
): Promise<string | null> {
  const { trust, hash } = await authorityIn(wish, world, draft);
  const dcs = await world.openStore(wish.store, wish);
  try {
    const before = await readScopeKeys(dcs);
    const isOurs = before.authority?.hash === hash;
    if (!isOurs && (before.isInitialized || before.members.length > 0)) {
      return `The store has a cluster ${wish.scope} already: join it by ` +
        "matriarch join, or give this one another name by --cluster";
    }
    return await updateAuthority(dcs, (record) => {
      if (record?.hash === hash) return { value: null, answer: null };
      if (record === null) {
        const holder = draft.name;
        return {
          value: firstRecord({ holder, hash, cert: trust }),
          answer: null,
        };
      }
      const answer = `${record.holder} is just making a cluster ` +
        `${wish.scope} in this store: join it, or give this one another name ` +
        "by --cluster";
      return { value: null, answer };
    });
  } finally {
    await dcs.close();
  }
}

/** The authority that a draft is about to write. */
export async function authorityIn(
  { places }: InitWish,
  { certificates }: SetupWorld,
  { files }: DecidedDraft,
): Promise<{ readonly trust: string; readonly hash: string }> {
  const { authority } = pathsIn(places.configDir);
  const trust = files.find(({ path }) => path === authority)?.text ?? "";
  return { trust, hash: (await certificates.read(trust))?.hash ?? "" };
}
