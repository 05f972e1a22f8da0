/** Finds the server that is to be taken over, reads what it has, and judges it. Changes nothing. */
import type { RunningServer, SetupServers } from "../../ports/setup_servers.ts";
import type { SetupHost } from "../../ports/setup.ts";
import type { InitWish } from "../init_wish.ts";
import { folderOf } from "../layout.ts";
import type { AdoptedPart } from "./adopted_part.ts";
import type { AdoptedServer } from "./adopted_server.ts";
import { adoptionNotes, adoptionProblems } from "./problems.ts";
import { freeRole } from "./roles.ts";
import {
  decodeServerFacts,
  FACTS_SQL,
  type ServerFacts,
  settingOf,
} from "./server_facts.ts";
import { listenText, sharedDocument } from "./shared_document.ts";

/** A server that can be taken over. */
export interface FoundServer {
  readonly kind: "found";
  readonly server: AdoptedServer;
  readonly major: number;
  readonly part: AdoptedPart;
  /** Debian's file that has it started at boot; null: there is none. */
  readonly startFile: string | null;
  readonly notes: readonly string[];
}

/** None that can be. */
export interface NotFound {
  readonly kind: "none";
  readonly problems: readonly string[];
}

const PASSWORD_BYTES = 24;
const MAJOR = 10_000;

/** Looks for it. */
export async function lookAtServer(
  wish: Pick<InitWish, "adopt" | "address" | "user">,
  host: SetupHost,
): Promise<FoundServer | NotFound> {
  const chosen = chosenOf(
    await host.servers.running(),
    wish.adopt?.dataDir ?? null,
  );
  if (typeof chosen === "string") return none(chosen);
  if (chosen.user !== wish.user) {
    return none(
      `The server on ${chosen.dataDir} runs as ${chosen.user}: give --user ` +
        chosen.user,
    );
  }
  const facts = await factsOf(host.servers, chosen);
  if (typeof facts === "string") return none(facts);
  const problems = adoptionProblems(facts, chosen);
  if (problems.length > 0) return none(...problems);
  return await foundOf(facts, chosen, { host, address: wish.address });
}

function none(...problems: readonly string[]): NotFound {
  return { kind: "none", problems };
}

/** The server, or why there is none to choose. */
function chosenOf(
  servers: readonly RunningServer[],
  dataDir: string | null,
): RunningServer | string {
  const fitting = servers
    .filter((each) => dataDir === null || each.dataDir === dataDir);
  const [only, other] = fitting;
  if (only === undefined) {
    const where = dataDir === null ? "this host" : dataDir;
    const [first] = servers;
    if (first !== undefined) {
      return `No PostgreSQL runs on ${where}, but on ${placesOf(servers)}: ` +
        "name that by --data-dir";
    }
    return `No PostgreSQL runs on ${where}: start the server that is to be ` +
      "taken over, or leave out --adopt for an empty one";
  }
  if (other !== undefined) {
    return `${fitting.length} servers run here (${placesOf(fitting)}): name ` +
      "one by --data-dir";
  }
  return only.socketDir.startsWith("/")
    ? only
    : `The server on ${only.dataDir} has no Unix socket: set ` +
      "unix_socket_directories, and restart it";
}

function placesOf(servers: readonly RunningServer[]): string {
  return servers.map(({ dataDir }) => dataDir).join(", ");
}

async function factsOf(
  servers: SetupServers,
  server: RunningServer,
): Promise<ServerFacts | string> {
  const { dataDir, user } = server;
  try {
    const facts = decodeServerFacts(await servers.query(server, FACTS_SQL));
    return facts ?? `The server on ${dataDir} gave an unreadable answer`;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `Cannot read the server on ${dataDir} as ${user} by its socket: ` +
      `${why}. "local all ${user} peer" as first line of pg_hba.conf lets ` +
      "this in, PGPASSWORD is used, too";
  }
}

async function foundOf(
  facts: ServerFacts,
  server: RunningServer,
  { host, address }: { readonly host: SetupHost; readonly address: string },
): Promise<FoundServer> {
  const loginOf = (name: string) => ({
    username: freeRole(name, facts.roles),
    password: host.randomText(PASSWORD_BYTES),
  });
  const superuser = loginOf("matriarch");
  const replication = loginOf("matriarch_replicator");
  const file = settingOf(facts, "config_file");
  const customConf = folderOf(file) === server.dataDir ? null : file;
  const startFile = `${folderOf(file)}/start.conf`;
  const isDebian = customConf !== null &&
    await host.files.read(startFile) !== null;
  const { isFolderOwn: _, ...place } = server;
  return {
    kind: "found",
    server: { ...place, superuser, replication, hasRoles: false },
    major: Math.floor(facts.version / MAJOR),
    part: {
      ...{ port: server.port, customConf },
      listen: listenText(facts, address, server.port),
      socketDirs: settingOf(facts, "unix_socket_directories"),
      shared: sharedDocument(facts, { superuser, replication }),
    },
    startFile: isDebian ? startFile : null,
    notes: adoptionNotes(facts, server),
  };
}
