/**
 * `matriarch init`: this host becomes the first of a new cluster. Looks at
 * everything first, keeps what it decided, writes it, starts.
 */
import { formatHostPort } from "../config/addresses.ts";
import type {
  FileOwner,
  PostgresPrograms,
  SetupFile,
  SetupHost,
} from "../ports/setup.ts";
import { type FoundServer, lookAtServer } from "./adopt/look.ts";
import { patroniText } from "./adopt/patroni_text.ts";
import { stepsText } from "./adopt/steps.ts";
import { makeRoles, startFile, stopCommand, stopServer } from "./adopt/take.ts";
import { type Blueprint, isPlainName } from "./blueprint.ts";
import type { Login } from "./login.ts";
import {
  type DraftPlace,
  dropDraft,
  keepDraft,
  readDraft,
  writeFiles,
} from "./carry_out.ts";
import { authorityIn, claimScope } from "./claim_scope.ts";
import type { DecidedDraft } from "./draft.ts";
import { firstTokens, laterText, tokensOfOwnStore } from "./first_tokens.ts";
import type { InitWish } from "./init_wish.ts";
import {
  folderOf,
  pathsIn,
  SETUP_PORTS,
  type SetupPlaces,
  UNIT,
} from "./layout.ts";
import { AUTHORITY_MS, CERTIFICATE_MS } from "./lifetimes.ts";
import { hostWish, lookAtHost, type SeenHost } from "./look_at_host.ts";
import { isOwnStore } from "./own_store.ts";
import { plannedFiles } from "./plan.ts";
import {
  type InitOutcome,
  refused,
  type SetupOutcome,
  type ToAgree,
} from "./outcome.ts";
import type { SetupWorld } from "./setup_world.ts";

/**
 * Sets this host up as the first one.
 *
 * @throws {Error} One sentence, if a file cannot be written, or the store or the
 * service does not do its part; the same call again goes on from there.
 */
export async function initHost(
  wish: InitWish,
  world: SetupWorld,
): Promise<InitOutcome> {
  const place = { host: world.host, configDir: wish.places.configDir };
  const left = await readDraft(place);
  if (left?.kind === "asked") {
    return refused(
      "A join of this host has begun and is not finished: call join again, or " +
        `remove ${pathsIn(wish.places.configDir).draft}`,
    );
  }
  if (left !== null && (left.adopted !== null) !== (wish.adopt !== null)) {
    return refused(
      `An init ${left.adopted === null ? "without" : "with"} --adopt has ` +
        "begun here and is not finished: call it again with the same options",
    );
  }
  if (left !== null && left.scope !== wish.scope) {
    return refused(
      `An init of the cluster ${left.scope} has begun here and is not finished: ` +
        `call it again with --cluster ${left.scope}`,
    );
  }
  const isOwn = isOwnStore(wish.store);
  if (left !== null && hasOrder(left, wish.places) !== isOwn) {
    return refused(
      "An init with another store has begun here and is not finished: call it " +
        "again with the same options",
    );
  }
  if (left === null && await isSetUp(place)) return await repeat(wish, world);
  const decided = left === null
    ? await decide(wish, world)
    : { draft: left, notes: [] };
  if ("problems" in decided) return refused(...decided.problems);
  if ("steps" in decided) return decided;
  const { draft, notes } = decided;
  if (wish.isDryRun) return { kind: "planned", files: draft.files, notes };
  await keepDraft(place, draft);
  // A store that is yet to be founded has no other cluster.
  const problem = isOwn ? null : await claimScope(wish, world, draft);
  if (problem !== null) {
    await dropDraft(place);
    return refused(problem);
  }
  await makeRoles(place, draft);
  const dataDir = draft.adopted?.dataDir ?? wish.places.dataDir;
  await makeFolders({ ...wish.places, dataDir }, world.host, draft);
  const { hash } = await authorityIn(wish, world, draft);
  const early = isOwn ? [] : await firstTokens(wish, world, hash);
  await writeFiles(place, draft);
  if (wish.isStarted) await stopServer(place, draft);
  await dropDraft(place);
  if (wish.isStarted) await world.host.service.start(UNIT);
  const late = !isOwn
    ? { tokens: early, notes: [] }
    : wish.isStarted
    ? await tokensOfOwnStore(wish, world, hash)
    : { tokens: [], notes: [laterText(wish)] };
  const { name, scope } = draft;
  return {
    ...{ kind: "done", name, scope, isRepeated: false } as const,
    tokens: late.tokens,
    notes: [...notes, ...late.notes, ...waitingServer(wish, draft)],
  };
}

/** Whether there is a configuration already. */
export async function isSetUp(
  { host, configDir }: DraftPlace,
): Promise<boolean> {
  return await host.files.read(pathsIn(configDir).config) !== null;
}

/** Folders that the agent writes in, and that are not its user's to make. */
export async function makeFolders(
  places: SetupPlaces,
  host: SetupHost,
  draft: DecidedDraft,
): Promise<void> {
  const owner = ownerOf(draft);
  const paths = pathsIn(places.configDir);
  await host.files.makeFolder(folderOf(paths.cert), owner);
  await host.files.makeFolder(folderOf(places.dataDir), owner);
  if (hasOrder(draft, places)) {
    await host.files.makeFolder(places.storeDir, owner);
  }
}

/** Files, and what to know; or what is in the way, or has to be agreed to. */
type Decided =
  | { readonly problems: readonly string[] }
  | ToAgree
  | { readonly draft: DecidedDraft; readonly notes: readonly string[] };

async function decide(wish: InitWish, world: SetupWorld): Promise<Decided> {
  if (wish.adopt === null) return await decideFor(wish, world, null);
  const patroni = await world.host.servers.patroni();
  if (patroni !== null) {
    return { problems: [patroniText(patroni, world.program)] };
  }
  const found = await lookAtServer(wish, world.host);
  if (found.kind === "found") return await decideFor(wish, world, found);
  const seen = await lookAtHost(hostWish(wish, true), world);
  return { problems: [...found.problems, ...seen.problems] };
}

async function decideFor(
  given: InitWish,
  world: SetupWorld,
  found: FoundServer | null,
): Promise<Decided> {
  const wish = found === null ? given : {
    ...given,
    pgBin: found.server.binDir,
    places: { ...given.places, dataDir: found.server.dataDir },
  };
  const seen = await lookAtHost(hostWish(wish, found !== null), world);
  const name = wish.name ?? seen.hostName;
  const problems = [
    ...nameProblems(wish.scope, "cluster"),
    ...nameProblems(name, "member"),
    ...seen.problems,
    ...(isOwnStore(wish.store) ? seen.storeProblems : []),
  ];
  const { postgres } = seen;
  if (wish.store.name === "sqlite" && seen.owner !== null) {
    problems.push(
      `A SQLite file is of one user: call this as ${wish.user}, not as root`,
    );
  }
  if (problems.length > 0 || postgres === null) return { problems };
  const { isStarted } = wish;
  const steps = found === null
    ? null
    : stepsText(found, { scope: wish.scope, name, isStarted });
  if (steps !== null && !wish.isDryRun && wish.adopt?.agreed !== steps) {
    return { kind: "to_agree", steps };
  }
  const files = await filesOf(wish, world, { seen, name, postgres, found });
  const draft = {
    ...{ kind: "decided", scope: wish.scope, name, files } as const,
    adopted: found?.server ?? null,
  };
  return { draft, notes: [...(steps === null ? [] : [steps]), ...seen.notes] };
}

async function filesOf(
  wish: InitWish,
  world: SetupWorld,
  { seen, name, postgres, found }: {
    readonly seen: SeenHost;
    readonly name: string;
    readonly postgres: PostgresPrograms;
    readonly found: FoundServer | null;
  },
): Promise<readonly SetupFile[]> {
  const login = loginWith(world.host);
  const { scope, namespace, store, vip } = wish;
  const blueprint: Blueprint = {
    ...{ scope, namespace, store, vip, postgresMajor: postgres.major ?? 0 },
    rest: login("matriarch"),
    superuser: found?.server.superuser ?? login("postgres"),
    replication: found?.server.replication ?? login("replicator"),
    isAccessShared: found !== null,
  };
  const { certificates } = world;
  const nowMs = world.host.wallTimeMs();
  const authority = await certificates.makeAuthority(scope, {
    nowMs,
    lifetimeMs: AUTHORITY_MS,
  });
  const named = { name, hosts: hostsOf(wish.address, name) };
  const { request, key } = await certificates.makeRequest(named);
  const cert = await certificates.sign(request, named, {
    authority,
    validity: { nowMs, lifetimeMs: CERTIFICATE_MS },
  });
  const files = plannedFiles({
    blueprint,
    host: {
      ...{ name, address: wish.address, interface: seen.interface ?? "" },
      ...{ pgBin: postgres.folder, user: wish.user, places: wish.places },
      ...{ mayBootstrap: true, adopted: found?.part ?? null },
    },
    owner: seen.owner,
    program: world.program,
    certified: { cert, key },
    trusted: [authority.cert],
    authorityKey: authority.key,
  });
  const path = found?.startFile ?? null;
  return path === null ? files : [...files, startFile(path)];
}

/** By what a member is reached: also by itself, on loopback. */
export function hostsOf(address: string, name: string): readonly string[] {
  return [address, name, "localhost", "127.0.0.1", "::1"];
}

/** What is wrong with a name. */
export function nameProblems(
  name: string,
  what: "cluster" | "member",
): readonly string[] {
  if (isPlainName(name)) return [];
  const option = what === "cluster" ? "--cluster" : "--name";
  return [
    `"${name}" cannot be the name of a ${what}: it begins with a letter or a ` +
    "digit and has at most 63 letters, digits, dots, - and _. Give another " +
    `by ${option}`,
  ];
}

const PASSWORD_BYTES = 24;

function loginWith(host: SetupHost): (username: string) => Login {
  return (username) => ({
    username,
    password: host.randomText(PASSWORD_BYTES),
  });
}

/** How a server that still runs as before is handed to the agent. */
function waitingServer(
  { isStarted }: InitWish,
  { adopted }: DecidedDraft,
): readonly string[] {
  if (adopted === null || isStarted) return [];
  return [
    `The server runs on as before. Stop it by "${stopCommand(adopted)}", ` +
    "then start the agent, which starts it again",
  ];
}

/** Everything is there: say so, start it if it does not run, and give a token. */
async function repeat(
  wish: InitWish,
  world: SetupWorld,
): Promise<SetupOutcome> {
  const paths = pathsIn(wish.places.configDir);
  const text = await world.host.files.read(paths.config) ?? "";
  const where = JSON.stringify(
    formatHostPort({ host: wish.address, port: SETUP_PORTS.rest }),
  );
  const isOwn = isOwnStore(wish.store);
  const isSame = lineOf(text, "scope") === wish.scope &&
    text.includes(`connect_address: ${where}`) &&
    text.includes("\n  managed: true\n") === isOwn;
  const authority = await world.host.files.read(paths.authority);
  if (!isSame || authority === null) {
    return refused(
      `${paths.config} is there and is not of this call: this host belongs to ` +
        "a cluster. matriarch leave takes it out of it",
    );
  }
  const { hash } = await world.certificates.read(authority) ?? { hash: "" };
  const isStarted = wish.isStarted && !wish.isDryRun;
  const early = wish.isDryRun || isOwn
    ? []
    : await firstTokens(wish, world, hash);
  if (isStarted) await world.host.service.start(UNIT);
  const given = isOwn && !wish.isDryRun
    ? await tokensOfOwnStore(wish, world, hash)
    : { tokens: early, notes: [] };
  const name = lineOf(text, "name");
  return {
    ...{ kind: "done", name, scope: wish.scope, isRepeated: true } as const,
    ...given,
  };
}

/** A value at the top of a file that this program wrote. */
function lineOf(text: string, key: string): string {
  const line = text.split("\n").find((each) => each.startsWith(`${key}: `));
  return (line ?? "").slice(key.length + 2).replace(/^"(.*)"$/, "$1");
}

/** Whether the host is to have a member of the store. */
function hasOrder({ files }: DecidedDraft, { storeDir }: SetupPlaces): boolean {
  return files.some(({ path }) => folderOf(path) === storeDir);
}

function ownerOf({ files }: DecidedDraft): FileOwner | null {
  return files[0]?.owner ?? null;
}
