/** The files of a host that joins: from what it was told, or, before that, from what it can foresee. */
import { formatHostPort } from "../config/addresses.ts";
import type { FileOwner, SetupFile } from "../ports/setup.ts";
import type { Admission } from "./admission_codec.ts";
import type { CommonPart, WitnessPlan } from "./blueprint.ts";
import type { JoinWish } from "./join_wish.ts";
import { STORE_PORTS } from "./layout.ts";
import type { SeenHost } from "./look_at_host.ts";
import { OWN_STORE } from "./own_store.ts";
import { plannedFiles, witnessFiles } from "./plan.ts";

/** What the files are made of, besides the admission. */
export interface JoinParts {
  readonly wish: JoinWish;
  readonly seen: SeenHost;
  readonly name: string;
  /** Whom they belong to; null: who runs this. */
  readonly owner: FileOwner | null;
  /** Absolute path of this program. */
  readonly program: string;
  /** Key of the host's certificate, PEM. */
  readonly key: string;
}

/** All files; null: the host has not the cluster's version of PostgreSQL. */
export function decidedFiles(
  { blueprint, witness, cert, trusted }: Admission,
  { wish, seen, name, owner, program, key }: JoinParts,
): readonly SetupFile[] | null {
  const { address, user, places } = wish;
  const host: WitnessPlan = { name, address, user, places };
  const parts = { owner, program, certified: { cert, key }, trusted };
  if (wish.isWitness) {
    return witness === null
      ? null
      : witnessFiles({ ...parts, common: witness, host });
  }
  const postgres = seen.usable.find(({ major }) =>
    major === blueprint?.postgresMajor
  );
  if (blueprint === null || postgres === undefined) return null;
  return plannedFiles({
    ...{ ...parts, blueprint, authorityKey: null },
    host: {
      ...{ ...host, interface: seen.interface ?? "", mayBootstrap: false },
      adopted: null,
      pgBin: postgres.folder,
    },
  });
}

/** In place of what the first host tells. */
const UNKNOWN = "FROM-THE-FIRST-HOST";

/** What `--dry-run` shows: the token is not used for that, so nothing was told yet. */
export function foreseenFiles(
  parts: Omit<JoinParts, "key">,
): readonly SetupFile[] {
  const { wish: { peer, isWitness }, seen } = parts;
  const login = { username: UNKNOWN, password: UNKNOWN };
  const client = { host: peer.host, port: STORE_PORTS.clients };
  const hosts = [formatHostPort(client)];
  const common: CommonPart = {
    ...{ scope: UNKNOWN, namespace: null, rest: login },
    store: { name: "etcd3", section: { ...OWN_STORE.section, hosts } },
  };
  const [postgresMajor = 0] = seen.majors;
  const blueprint = {
    ...{ ...common, superuser: login, replication: login },
    ...{ postgresMajor, vip: null, isAccessShared: false },
  };
  const told = isWitness
    ? { blueprint: null, witness: common }
    : { blueprint, witness: null };
  const given = `(from the first host)\n`;
  return decidedFiles({ ...told, cert: given, trusted: [given] }, {
    ...{ ...parts, key: "(BEGIN PRIVATE KEY)\n" },
  }) ?? [];
}
