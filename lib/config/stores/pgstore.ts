/**
 * The store `pgstore`, ours: a PostgreSQL that is not the cluster's own. The
 * section `postgresql` is about the member's instance, so this one has a name
 * that nobody takes for it.
 */
import {
  optionProblem,
  optionsProblem,
} from "../../core/base/libpq_options.ts";
import type { HostPort } from "../addresses.ts";
import { Wanted } from "../fields.ts";
import { checkOf } from "../keys/check.ts";
import { type KeyMap, section, type SectionOf } from "../keys/key.ts";
import {
  changed,
  orNone,
  text,
  textListOrCommas,
  textOrNone,
} from "../keys/types.ts";
import { anyOf, either, list, string, then } from "../validate/checks.ts";
import { reachable } from "../validate/host_checks.ts";
import {
  parsePgstoreHost,
  parsePgstoreUrl,
  PGSTORE_KEYWORDS,
  PGSTORE_PORT,
} from "./pgstore_url.ts";
import { hostUrl, type Store } from "./store.ts";

/** Section `pgstore`. */
export interface PgstoreConfig {
  readonly kind: "pgstore";
  /** Tried in order; a host may be a socket's directory. */
  readonly hosts: readonly HostPort[];
  readonly database: string;
  readonly schema: string;
  /** Null: the system user's name. */
  readonly username: string | null;
  readonly password: string | null;
  readonly passfile: string | null;
  /** libpq's keywords that are about TLS. */
  readonly tls: Readonly<Record<string, string>>;
}

const NO_HOST = new Wanted([{
  path: ["hosts"],
  wanted: "a list of HOST[:PORT], or url",
}]);

const hosts = orNone(changed(textListOrCommas, (list) => {
  const parsed = list.flatMap((one) => parsePgstoreHost(one) ?? []);
  return parsed.length > 0 && parsed.length === list.length
    ? parsed
    : new Wanted("a list of HOST[:PORT]");
}));

const url = orNone(changed(
  text,
  (value) =>
    parsePgstoreUrl(value) ??
      new Wanted(
        "postgresql://[USER@]HOST[:PORT][,...][/DATABASE][?sslmode=...]",
      ),
));

const sslmode = orNone(changed(text, (value) => {
  const problem = optionProblem("sslmode", value);
  return problem === null ? value : new Wanted(problem);
}));

/** PostgreSQL would cut it. */
const SCHEMA = /^[^\0]{1,63}$/;

const schema = orNone(changed(
  text,
  (value) =>
    SCHEMA.test(value) && !value.startsWith("pg_")
      ? value
      : new Wanted("the name of a schema, not beginning with pg_"),
));

/** The keys of the section. */
const KEYS = {
  url: {
    type: url,
    suffix: "text",
    meaning: "Ours: all in one, `postgresql://USER@H1,H2/DATABASE?sslmode=...`",
  },
  hosts: {
    type: hosts,
    check: then(either(string, list(string)), reachable(PGSTORE_PORT)),
    suffix: "list",
    meaning:
      "Ours: hosts or socket directories; the one that takes writes is used",
  },
  database: {
    type: textOrNone,
    fallback: "postgres",
    variable: true,
    meaning: "Ours: the database",
  },
  schema: {
    type: schema,
    fallback: "matriarch",
    variable: true,
    meaning: "Ours: the schema of the table of scopes; made if it is missing",
  },
  username: {
    type: textOrNone,
    apply: "reload",
    otherwise: "the system user's name",
    variable: true,
    meaning: "Ours: the user",
  },
  password: {
    type: textOrNone,
    apply: "reload",
    variable: true,
    meaning: "Ours: its password",
  },
  passfile: {
    type: textOrNone,
    apply: "reload",
    otherwise: "~/.pgpass",
    variable: true,
    meaning: "Ours: password file of libpq's, for when there is no password",
  },
  sslmode: {
    type: sslmode,
    otherwise: "prefer",
    variable: true,
    meaning: "Ours: TLS as libpq knows it, best verify-full",
  },
  sslrootcert: {
    type: textOrNone,
    variable: true,
    meaning: "Ours: authorities of the server's certificate",
  },
  sslcert: {
    type: textOrNone,
    variable: true,
    meaning: "Ours: client certificate",
  },
  sslkey: { type: textOrNone, variable: true, meaning: "Ours: its key" },
} as const satisfies KeyMap;

/** The store. */
export const PGSTORE: Store<PgstoreConfig> = {
  name: "pgstore",
  hint: "pgstore (hosts), a PostgreSQL of its own",
  keys: KEYS,
  section: changed(section(KEYS), configOf),
  check: then(anyOf("hosts", "url"), checkOf(KEYS)),
  url: {
    ...hostUrl(String(PGSTORE_PORT), false),
    // So that it may name a user.
    section: ({ host, port }) => ({
      url: `postgresql://${host}:${port || PGSTORE_PORT}`,
    }),
  },
  hasProxy: true,
};

/** What an address says counts before the other keys. */
function configOf(keys: SectionOf<typeof KEYS>): PgstoreConfig | Wanted {
  const { url } = keys;
  const hosts = url?.hosts ?? keys.hosts;
  if (hosts === null) return NO_HOST;
  const given = { ...keys, ...url?.keywords };
  const tls = Object.fromEntries(
    PGSTORE_KEYWORDS.flatMap((name) => {
      const value = name === "passfile" ? null : given[name];
      return value === null || value === "" ? [] : [[name, value]];
    }),
  );
  const problem = optionsProblem(tls);
  if (problem !== null) return new Wanted([{ path: [], wanted: problem }]);
  return {
    kind: "pgstore",
    hosts,
    database: url?.database ?? keys.database ?? "postgres",
    schema: keys.schema ?? "matriarch",
    username: url?.username ?? keys.username,
    password: url?.password ?? keys.password,
    passfile: given.passfile || null,
    tls,
  };
}
