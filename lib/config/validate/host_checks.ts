/**
 * Checks that look at this host: addresses, the data directory, PostgreSQL's
 * programs. Source: docs/contract/configuration.md 7.3.
 */
import {
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import { parseHostPort, parseListen } from "../addresses.ts";
import { type Check, failed, line, type Place } from "./checks.ts";

const LOOPBACKS: readonly string[] = [
  "127.0.0.1",
  "0.0.0.0",
  "*",
  "::1",
  "localhost",
];

const PROGRAMS: readonly string[] = [
  "pg_ctl",
  "initdb",
  "pg_controldata",
  "pg_basebackup",
  "postgres",
  "pg_isready",
];

const WRONG_ADDRESS = "contains a wrong value";

/** Where others reach this member. */
export function connectAddress(
  value: unknown,
  { path }: Place,
): Promise<readonly string[]> {
  const address = typeof value === "string" ? hostPortOf(value) : null;
  const quoted = LOOPBACKS.map((host) => `"${host}"`).join(", ");
  const reason = address === null
    ? WRONG_ADDRESS
    : LOOPBACKS.includes(address.host)
    ? `must not contain ${quoted}`
    : null;
  return Promise.resolve(
    reason === null ? [] : [line(path, value, failed(reason))],
  );
}

/** Where the REST API listens. */
export function listenAddress(
  value: unknown,
  at: Place,
): Promise<readonly string[]> {
  return listenLines(value, at, null);
}

/** Where PostgreSQL listens; several hosts are possible. */
export function postgresListen(
  value: unknown,
  at: Place,
): Promise<readonly string[]> {
  return listenLines(value, at, 5432);
}

async function listenLines(
  value: unknown,
  at: Place,
  defaultPort: number | null,
): Promise<readonly string[]> {
  const listen = typeof value === "string"
    ? parseListen(value, defaultPort)
    : null;
  const say = (reason: string): readonly string[] => [
    line(at.path, value, failed(reason)),
  ];
  if (listen === null) return say(WRONG_ADDRESS);
  const { hosts, port } = listen;
  if (hosts.includes("*") && hosts.length > 1) {
    return say("expecting '*' alone");
  }
  if (at.isPortIgnored) return [];
  for (const host of hosts) {
    const name = host === "*" || host === "0.0.0.0" ? "127.0.0.1" : host;
    if (await at.world.canConnect(name, port)) {
      return say(`Port ${port} is already in use.`);
    }
  }
  return [];
}

/** Addresses, each of which must answer; text with commas or a list. */
export function reachable(defaultPort: number): Check {
  return async (value, at) => {
    const lines: string[] = [];
    const isList = Array.isArray(value);
    const items: readonly unknown[] = isList ? value : String(value).split(",");
    for (const [index, item] of items.entries()) {
      const text = String(item).trim();
      const address = parseHostPort(text, defaultPort);
      const isOpen = address !== null &&
        await at.world.canConnect(address.host, address.port);
      if (isOpen) continue;
      const reason = failed(
        address === null ? WRONG_ADDRESS : `${text} is not reachable`,
      );
      lines.push(
        isList
          ? line(`${at.path}.${index}`, item, reason)
          : line(at.path, value, reason),
      );
    }
    return lines;
  };
}

/** The port matters only where there is no default for it. */
function hostPortOf(text: string): { readonly host: string } | null {
  return parseHostPort(text, 1);
}

/** An empty or a whole data directory of the server's own version. */
export async function dataDirectory(
  value: unknown,
  at: Place,
): Promise<readonly string[]> {
  const say = (reason: string): readonly string[] => [
    line(at.path, value, failed(reason)),
  ];
  if (typeof value !== "string") {
    return [line(at.path, value, "is not a string")];
  }
  if (value === "") return say("is an empty string");
  const { world } = at;
  const kind = await world.kind(value);
  if (kind === "missing") return [];
  if (kind !== "directory") return say("is not a directory");
  const names = (await world.list(value))
    .filter((name) => !name.startsWith(".") && name !== "lost+found");
  if (names.length === 0) return [];
  if (!names.includes("PG_VERSION")) {
    return say("doesn't look like a valid data directory");
  }
  const version = (await world.read(`${value}/PG_VERSION`))?.trim() ?? "";
  const wal = Number(version) < 10 ? "pg_xlog" : "pg_wal";
  if (!names.includes(wal)) {
    return say(
      `data dir for the cluster is not empty, but doesn't contain "${wal}" directory`,
    );
  }
  const { directory, nameOf } = programsOf(at);
  const text = await world.versionText(directory, nameOf("postgres"));
  const server = text === null ? null : majorOf(text);
  if (server === null || server === version) return [];
  return say(
    `data directory version (${version}) doesn't match with 'postgres' ` +
      `binary version (${server})`,
  );
}

/** `postgres (PostgreSQL) 15.18 (Debian ...)` is 15; 9.6.24 is 9.6. */
function majorOf(text: string): string | null {
  const match = /(\d+)(?:\.(\d+))?/.exec(text);
  if (match === null) return null;
  const [, first = "", second = "0"] = match;
  return Number(first) < 10 ? `${first}.${second}` : first;
}

function programsOf(
  { document }: Place,
): {
  readonly directory: string;
  readonly nameOf: (program: string) => string;
} {
  const section = ownValue(document, "postgresql");
  const postgresql = isConfigMap(section) ? section : {};
  const directory = ownValue(postgresql, "bin_dir");
  const names = ownValue(postgresql, "bin_name");
  return {
    directory: typeof directory === "string" ? directory : "",
    nameOf: (program) => {
      const name = isConfigMap(names) ? ownValue(names, program) : null;
      return typeof name === "string" ? name : program;
    },
  };
}

/** The directory of PostgreSQL's programs; always checked, also when absent. */
export async function programLines(at: Place): Promise<readonly string[]> {
  const { directory, nameOf } = programsOf(at);
  const path = "postgresql.bin_dir";
  if (directory !== "") {
    const kind = await at.world.kind(directory);
    if (kind === "missing") {
      return [`${path}  Directory '${directory}' does not exist.`];
    }
    if (kind !== "directory") {
      return [`${path}  '${directory}' is not a directory.`];
    }
  }
  const where = directory === "" ? "$PATH" : directory;
  const lines = [...await renamedLines(at, { directory, where })];
  for (const program of PROGRAMS) {
    const name = nameOf(program);
    if (await at.world.hasProgram(directory, name)) continue;
    lines.push(`${path}  does not contain '${name}' in '${where}'`);
  }
  return lines;
}

/** `bin_name`: each program that has another name must be there, too. */
async function renamedLines(
  at: Place,
  { directory, where }: { readonly directory: string; readonly where: string },
): Promise<readonly string[]> {
  const section = ownValue(at.document, "postgresql");
  const names = isConfigMap(section) ? ownValue(section, "bin_name") : null;
  const lines: string[] = [];
  for (
    const [program, name] of Object.entries(isConfigMap(names) ? names : {})
  ) {
    const path = `postgresql.bin_name.${program}`;
    if (typeof name !== "string") {
      lines.push(line(path, name, "is not a string"));
    } else if (!await at.world.hasProgram(directory, name)) {
      const reason = `does not contain '${name}' in '${where}'`;
      lines.push(line(path, name, failed(reason)));
    }
  }
  return lines;
}
