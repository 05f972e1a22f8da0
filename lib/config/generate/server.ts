/**
 * Reads a running server for `--generate-config`. What it asks of the world
 * comes as functions, so that it can be tried without a server.
 *
 * Source: docs/contract/configuration.md 9.
 */
import { type DsnValues, parseDsn } from "./dsn.ts";
import { GeneratorError } from "./errors.ts";
import {
  recordLines,
  type ServerFacts,
  type ServerSetting,
} from "./running.ts";

/** Where and as whom to ask. */
interface Target {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  readonly isRecoveryWanted: null;
}

/** What the query function answers. */
type Answer =
  | {
    readonly kind: "rows";
    readonly rows: readonly (readonly (string | null)[])[];
  }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "wrong_role" };

/** The world of the generator. */
export interface GeneratorWorld {
  readonly dsn: string | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly osUser: string;
  /** Address of this host, for `connect_address`. */
  readonly hostAddress: string;
  readonly query: (target: Target, sql: string) => Promise<Answer>;
  /** Null if the file cannot be read. */
  readonly readFile: (path: string) => Promise<string | null>;
  readonly readLink: (path: string) => Promise<string | null>;
  readonly askPassword: () => Promise<string>;
}

const SETTINGS_SQL =
  "select name, current_setting(name), source, context from pg_settings " +
  "where not (context = 'internal' and name <> 'data_directory')";

/** `authentication` key, libpq keyword and environment variable. */
const ROLE_KEYS: readonly (readonly [string, string, string])[] = [
  ["username", "user", "PGUSER"],
  ["password", "password", "PGPASSWORD"],
  ["sslmode", "sslmode", "PGSSLMODE"],
  ["sslcert", "sslcert", "PGSSLCERT"],
  ["sslkey", "sslkey", "PGSSLKEY"],
  ["sslpassword", "sslpassword", ""],
  ["sslrootcert", "sslrootcert", "PGSSLROOTCERT"],
  ["sslcrl", "sslcrl", "PGSSLCRL"],
  ["sslcrldir", "sslcrldir", "PGSSLCRLDIR"],
  ["gssencmode", "gssencmode", "PGGSSENCMODE"],
  ["channel_binding", "channel_binding", "PGCHANNELBINDING"],
  ["sslnegotiation", "sslnegotiation", "PGSSLNEGOTIATION"],
];

/** First major versions that know the younger keys. */
const SINCE: ReadonlyMap<string, number> = new Map([
  ["gssencmode", 12],
  ["channel_binding", 13],
  ["sslpassword", 13],
  ["sslcrldir", 14],
  ["sslnegotiation", 17],
]);

/** @throws {GeneratorError} If the server cannot be read. */
export async function readServer(world: GeneratorWorld): Promise<ServerFacts> {
  const dsn: DsnValues | null = parseDsn(world.dsn ?? "");
  if (dsn === null) throw new GeneratorError("Failed to parse DSN string");
  const role = await superuserOf(world, dsn);
  const target = targetOf(world, dsn, role);
  const settings = await readSettings(world, target);
  const valueOf = (name: string): string =>
    settings.find((setting) => setting.name === name)?.value ?? "";
  const dataDir = valueOf("data_directory");
  const major = Math.floor(
    Number.parseInt(valueOf("server_version"), 10),
  );
  const port = dsn.get("port") ?? (world.environment["PGPORT"] ||
    valueOf("port"));
  return {
    settings: settings.filter(({ name }) => name !== "server_version"),
    binDir: await binDirOf(world, dataDir),
    hbaLines: await fileLines(world, valueOf("hba_file"), {
      usual: `${dataDir}/pg_hba.conf`,
    }),
    identLines: await fileLines(world, valueOf("ident_file"), {
      usual: `${dataDir}/pg_ident.conf`,
    }),
    superuser: Object.fromEntries(
      Object.entries(role).filter(([key]) => (SINCE.get(key) ?? 0) <= major),
    ),
    connectAddress: `${world.hostAddress}:${port}`,
  };
}

async function superuserOf(
  world: GeneratorWorld,
  dsn: DsnValues,
): Promise<Readonly<Record<string, string>>> {
  const given = ROLE_KEYS.flatMap(([key, keyword, variable]) => {
    const value = dsn.get(keyword) ?? world.environment[variable] ?? "";
    return value === "" ? [] : [[key, value] as const];
  });
  const role: Readonly<Record<string, string>> = {
    username: world.osUser,
    ...Object.fromEntries(given),
  };
  return Object.hasOwn(role, "password")
    ? role
    : { ...role, password: await world.askPassword() };
}

function targetOf(
  { environment }: GeneratorWorld,
  dsn: DsnValues,
  role: Readonly<Record<string, string>>,
): Target {
  return {
    host: dsn.get("host") ?? (environment["PGHOST"] || "localhost"),
    port: Number(dsn.get("port") ?? (environment["PGPORT"] || 5432)),
    username: role["username"] ?? "",
    password: role["password"] ?? "",
    database: dsn.get("dbname") ?? (environment["PGDATABASE"] || "postgres"),
    isRecoveryWanted: null,
  };
}

async function readSettings(
  { query }: GeneratorWorld,
  target: Target,
): Promise<readonly ServerSetting[]> {
  const who = await rowsOf(
    query,
    target,
    "select current_setting('is_superuser'), current_setting('server_version')",
  );
  if (who[0]?.[0] !== "on") {
    throw new GeneratorError(
      "The provided user does not have superuser privilege",
    );
  }
  const rows = await rowsOf(query, target, SETTINGS_SQL);
  const version = {
    name: "server_version",
    value: who[0][1] ?? "",
    source: "",
    context: "",
  };
  return [
    version,
    ...rows.map(([name, value, source, context]) => ({
      name: name ?? "",
      value: value ?? "",
      source: source ?? "",
      context: context ?? "",
    })),
  ];
}

async function rowsOf(
  query: GeneratorWorld["query"],
  target: Target,
  sql: string,
): Promise<readonly (readonly (string | null)[])[]> {
  const answer = await query(target, sql);
  if (answer.kind === "rows") return answer.rows;
  const why = answer.kind === "failed" ? answer.message : answer.kind;
  throw new GeneratorError(
    `Failed to establish PostgreSQL connection: ${why}`,
  );
}

async function binDirOf(
  { readFile, readLink }: GeneratorWorld,
  dataDir: string,
): Promise<string> {
  const text = await readFile(`${dataDir}/postmaster.pid`);
  const pid = text?.split("\n")[0]?.trim() ?? "";
  if (!/^\d+$/.test(pid)) {
    throw new GeneratorError(
      "Failed to obtain postmaster pid from postmaster.pid file",
    );
  }
  const executable = await readLink(`/proc/${pid}/exe`);
  if (executable === null) {
    throw new GeneratorError("Obtained postmaster pid doesn't exist.");
  }
  return executable.slice(0, executable.lastIndexOf("/"));
}

async function fileLines(
  { readFile }: GeneratorWorld,
  path: string,
  { usual }: { readonly usual: string },
): Promise<readonly string[] | null> {
  if (path !== usual) return null;
  const text = await readFile(path);
  const lines = text === null ? [] : recordLines(text);
  return lines.length === 0 ? null : lines;
}
