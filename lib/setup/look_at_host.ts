/** Looks at this host for whoever sets it up, and judges what is there. */
import type { FileOwner } from "../ports/setup.ts";
import { checkHost, type CheckResult, type HostWish } from "./checks.ts";
import type { InitWish } from "./init_wish.ts";
import { SETUP_PORTS, STORE_PORTS } from "./layout.ts";
import type { SetupWorld } from "./setup_world.ts";
import { storeProblems } from "./store_checks.ts";

/** What must hold of the host, from the wish. */
export function hostWish(
  wish: Pick<
    InitWish,
    "address" | "user" | "places" | "pgBin" | "vip" | "isStarted" | "isDryRun"
  >,
  isAdopted = false,
): HostWish {
  return {
    ...{ address: wish.address, user: wish.user, pgBin: wish.pgBin },
    ...{ dataDir: wish.places.dataDir, storeDir: wish.places.storeDir },
    ...{ postgresMajor: null, vip: wish.vip },
    isStarted: wish.isStarted && !wish.isDryRun,
    ...{ isAdopted, isWitness: false, mayMakeUser: false },
  };
}

/** Looks at this host, and judges what is there. */
export async function lookAtHost(
  wish: HostWish,
  { host, hasEtcd }: Pick<SetupWorld, "host" | "hasEtcd">,
): Promise<SeenHost> {
  const { user, dataDir, storeDir, pgBin } = wish;
  const facts = await host.facts({
    ...{ user, dataDir, storeDir, pgBin },
    ports: portsOf(wish),
  });
  return {
    ...checkHost(facts, wish),
    owner: facts.isRoot ? facts.user : null,
    isUserMissing: facts.isRoot && facts.user === null,
    hostName: facts.hostName,
    storeProblems: storeProblems(facts, { storeDir, hasEtcd: await hasEtcd() }),
  };
}

function portsOf({ isWitness, isAdopted }: HostWish): readonly number[] {
  const { postgres, rest, ...ofProxy } = SETUP_PORTS;
  return [
    // The server that is taken over has its own port already.
    ...(isWitness || isAdopted ? [] : [postgres]),
    ...(isWitness ? [] : [rest]),
    ...Object.values(ofProxy),
    ...Object.values(STORE_PORTS),
  ];
}

/** What was found. */
export interface SeenHost extends CheckResult {
  readonly owner: FileOwner | null;
  /** Whether root looks, and there is no such user yet. */
  readonly isUserMissing: boolean;
  readonly hostName: string;
  /** What keeps a member of the store from this host; of no account without one. */
  readonly storeProblems: readonly string[];
}
