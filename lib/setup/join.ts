/**
 * `matriarch join`: this host becomes a further member of a cluster, or a witness:
 * a vote in its store, and a proxy. It believes
 * nobody until an authority with the token's hash has vouched for them, and gives
 * its own key to nobody.
 */
import type { FileOwner } from "../ports/setup.ts";
import type { Admission } from "./admission_codec.ts";
import { askDesk } from "./ask_desk.ts";
import {
  type DraftPlace,
  dropDraft,
  keepDraft,
  readDraft,
  writeDecided,
} from "./carry_out.ts";
import { decidedFiles, foreseenFiles } from "./decided_files.ts";
import type { AskedDraft, DecidedDraft } from "./draft.ts";
import type { JoinWish } from "./join_wish.ts";
import { hostsOf, isSetUp, makeFolders, nameProblems } from "./init.ts";
import { folderOf, pathsIn, SETUP_PORTS, UNIT } from "./layout.ts";
import { hostWish, lookAtHost, type SeenHost } from "./look_at_host.ts";
import { type Refused, refused, type SetupOutcome } from "./outcome.ts";
import { isOwnStore } from "./own_store.ts";
import type { SetupWorld } from "./setup_world.ts";

/**
 * Sets this host up as a further one.
 *
 * @throws {Error} One sentence; the same call again goes on from there.
 */
export async function joinHost(
  wish: JoinWish,
  world: SetupWorld,
): Promise<SetupOutcome> {
  const place = { host: world.host, configDir: wish.places.configDir };
  const left = await readDraft(place);
  if (left?.kind === "decided") {
    const problem = otherRole(wish, left);
    if (problem !== null) return refused(problem);
    return await finish(wish, world, left);
  }
  if (await isSetUp(place)) {
    return refused(
      `${pathsIn(wish.places.configDir).config} is there: this host belongs ` +
        "to a cluster. matriarch leave takes it out of it",
    );
  }
  const { isWitness, mayMakeUser } = wish;
  const seen = await lookAtHost({
    ...{ ...hostWish({ ...wish, vip: null }), isWitness, mayMakeUser },
  }, world);
  const name = wish.name ?? seen.hostName;
  const problems = [
    ...nameProblems(name, "member"),
    ...seen.problems,
    ...(isWitness ? seen.storeProblems : []),
  ];
  if (problems.length > 0) return refused(...problems);
  if (wish.isDryRun) {
    const { owner } = seen;
    const parts = { wish, seen, name, owner, program: world.program };
    const files = foreseenFiles(parts);
    return { kind: "planned", files, notes: seen.notes };
  }
  const asked = left?.name === name
    ? left
    : await newRequest(wish, world, name);
  await keepDraft(place, asked);
  const reply = await askDesk(wish, {
    ...{ use: "join", postgresMajors: isWitness ? [] : seen.majors },
    ...{ name: asked.name, request: asked.request },
    hosts: hostsOf(wish.address, asked.name),
  }, world);
  if (reply.kind !== "granted") {
    await dropUnless(place, reply);
    return refused(reply.text);
  }
  const draft = await decide(wish, { seen, asked, told: reply.value }, world);
  if (draft.kind === "refused") return draft;
  await keepDraft(place, draft);
  return { ...await finish(wish, world, draft), notes: seen.notes };
}

/** What is written, from what the first host told. */
async function decide(
  wish: JoinWish,
  { seen, asked, told }: {
    readonly seen: SeenHost;
    readonly asked: AskedDraft;
    readonly told: Admission;
  },
  world: SetupWorld,
): Promise<DecidedDraft | Refused> {
  const { blueprint, witness } = told;
  // The draft stays: the token is spent, and counts again for the key in it.
  const isOwn = blueprint !== null && isOwnStore(blueprint.store);
  if (isOwn && seen.storeProblems.length > 0) {
    return refused(...seen.storeProblems);
  }
  const common = wish.isWitness ? witness : blueprint;
  if (common === null) {
    return refused(
      "The first host gave no settings: use the same version of matriarch on all hosts",
    );
  }
  const owner = await ownerOf(wish, seen, world);
  const { name, key } = asked;
  const { program } = world;
  const files = decidedFiles(told, { wish, seen, name, owner, key, program });
  if (files === null) {
    return refused(
      "The cluster's version of PostgreSQL is not on this host any more",
    );
  }
  return { kind: "decided", scope: common.scope, name, files, adopted: null };
}

/** The answer that got lost may have been a certificate: then the key is kept. */
async function dropUnless(
  place: DraftPlace,
  reply: { readonly kind: "refused" | "silent" },
): Promise<void> {
  if (reply.kind === "refused") await dropDraft(place);
}

async function newRequest(
  wish: JoinWish,
  { certificates }: SetupWorld,
  name: string,
): Promise<AskedDraft> {
  const named = { name, hosts: hostsOf(wish.address, name) };
  const { request, key } = await certificates.makeRequest(named);
  return { kind: "asked", name, key, request };
}

/** Whom the files will belong to; null: who runs this. */
async function ownerOf(
  { user, places }: JoinWish,
  { owner, isUserMissing }: SeenHost,
  { host }: SetupWorld,
): Promise<FileOwner | null> {
  if (!isUserMissing) return owner;
  return await host.makeUser(user, folderOf(places.dataDir));
}

/** What was begun as one thing is not finished as another; null: it fits. */
function otherRole(
  { isWitness }: JoinWish,
  { files }: DecidedDraft,
): string | null {
  const begun = files.some(({ text }) => text.includes("\npostgresql:\n"))
    ? "member"
    : "witness";
  if ((begun === "witness") === isWitness) return null;
  const how = isWitness ? "without" : "with";
  return `A join of this host as a ${begun} has begun and is not finished: ` +
    `call it again ${how} --witness`;
}

async function finish(
  wish: JoinWish,
  world: SetupWorld,
  draft: DecidedDraft,
): Promise<SetupOutcome & { readonly kind: "done" }> {
  const { host } = world;
  await makeFolders(wish.places, host, draft);
  await writeDecided({ host, configDir: wish.places.configDir }, draft);
  if (wish.isStarted) await host.service.start(UNIT);
  const { name, scope } = draft;
  return {
    ...{ kind: "done", name, scope, isRepeated: false } as const,
    ...{ tokens: [], notes: [] },
  };
}

/** Port of a desk that is named without one. */
export const DESK_PORT: number = SETUP_PORTS.rest;
