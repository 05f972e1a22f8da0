/**
 * `matriarch join --renew`: another certificate for a member whose own has
 * expired, so that nobody believes it any more. All else of it stays.
 */
import type { FileOwner } from "../ports/setup.ts";
import { askDesk, type DeskPeer } from "./ask_desk.ts";
import {
  type DraftPlace,
  dropDraft,
  keepDraft,
  readDraft,
} from "./carry_out.ts";
import type { AskedDraft } from "./draft.ts";
import type { SetupWorld } from "./setup_world.ts";
import { certificateFile, pathsIn, UNIT } from "./layout.ts";
import { type Refused, refused } from "./outcome.ts";

/** What the operator wants. */
export interface RenewWish extends DeskPeer {
  readonly configDir: string;
  readonly user: string;
  readonly isStarted: boolean;
}

/** The member has a certificate that counts. */
export interface Renewed {
  readonly kind: "renewed";
  readonly name: string;
}

/** @throws {Error} If a file cannot be written. */
export async function renewHost(
  wish: RenewWish,
  world: SetupWorld,
): Promise<Renewed | Refused> {
  const { host, certificates } = world;
  const place = { host, configDir: wish.configDir };
  const paths = pathsIn(wish.configDir);
  const old = await certificates.read(await host.files.read(paths.cert) ?? "");
  if (old === null) {
    return refused(
      `${paths.cert} holds no certificate: this host is no member. Join it ` +
        "without --renew",
    );
  }
  const asked = await askedBefore(place, old.name) ?? {
    ...{ kind: "asked", name: old.name } as const,
    ...await certificates.makeRequest(old),
  };
  await keepDraft(place, asked);
  const answer = await askDesk(wish, {
    ...{ use: "renew", postgresMajors: [], hosts: old.hosts },
    ...{ name: asked.name, request: asked.request },
  }, world);
  if (answer.kind !== "granted") {
    if (answer.kind === "refused") await dropDraft(place);
    return refused(answer.text);
  }
  const { cert, trusted } = answer.value;
  const owner = await ownerOf(wish, world);
  await host.files.write({
    ...{ path: paths.trust, mode: 0o644, owner, text: trusted.join("") },
  });
  const authority = trusted.at(-1) ?? "";
  await host.files.write({
    ...{ path: paths.cert, mode: 0o600, owner },
    text: certificateFile({ cert, key: asked.key, authority }),
  });
  await dropDraft(place);
  if (wish.isStarted) await host.service.start(UNIT);
  return { kind: "renewed", name: asked.name };
}

async function askedBefore(
  place: DraftPlace,
  name: string,
): Promise<AskedDraft | null> {
  const left = await readDraft(place);
  return left?.kind === "asked" && left.name === name ? left : null;
}

async function ownerOf(
  { user }: RenewWish,
  { host }: SetupWorld,
): Promise<FileOwner | null> {
  const facts = await host.facts({
    ...{ user, dataDir: "/", storeDir: null, pgBin: "/", ports: [] },
  });
  return facts.isRoot ? facts.user : null;
}
