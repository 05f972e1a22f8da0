/** What keeps a server from being taken over, each with what to do; and what is good to know of it. */
import { hbaRules } from "../../core/codec/hba_line.ts";
import { recordLines } from "../../config/generate/running.ts";
import type { RunningServer } from "../../ports/setup_servers.ts";
import { folderOf, SETUP_PORTS } from "../layout.ts";
import { type ServerFacts, settingOf } from "./server_facts.ts";

const VERSION_MIN = 130_000;
const MAJOR = 10_000;

/** Settings that the agents make; those of ALTER SYSTEM would win over them. */
const AGENTS: ReadonlySet<string> = new Set([
  ...["ssl", "ssl_cert_file", "ssl_key_file", "ssl_ca_file"],
  ...["hba_file", "ident_file", "unix_socket_directories"],
  "synchronous_standby_names",
]);

/** Each keeps it from being taken over. */
export function adoptionProblems(
  facts: ServerFacts,
  { user, dataDir, isFolderOwn }: Pick<
    RunningServer,
    "user" | "dataDir" | "isFolderOwn"
  >,
): readonly string[] {
  const what = `The server on ${dataDir}`;
  const major = Math.floor(facts.version / MAJOR);
  return [
    ...(facts.isSuperuser ? [] : [
      `The role ${user} is no superuser of the server on ${dataDir}, so its ` +
      "settings cannot be read: call ALTER ROLE as one that is",
    ]),
    ...(facts.version >= VERSION_MIN ? [] : [
      `${what} is PostgreSQL ${major}: 13 is the oldest that can be taken over`,
    ]),
    ...(facts.isStandby
      ? [
        `${what} is a standby: take over its primary on that host, then ` +
        "join this host with an empty data directory; or promote it first",
      ]
      : []),
    ...configProblems(facts, dataDir),
    ...(isFolderOwn ? [] : [
      `The agent keeps its records beside the data, in ${folderOf(dataDir)}, ` +
      `which is not ${user}'s: chown ${user} ${folderOf(dataDir)}`,
    ]),
    ...alteredProblems(facts),
    ...accessProblems(facts),
  ];
}

/** Inside of the data directory, hosts that join get a copy. */
function configProblems(
  facts: ServerFacts,
  dataDir: string,
): readonly string[] {
  const config = settingOf(facts, "config_file");
  if (folderOf(config) !== dataDir) return [];
  const place = facts.settings.find(({ name }) => name === "data_directory");
  return [
    ...(config === `${dataDir}/postgresql.conf` ? [] : [
      `The settings are in ${config}: call that file postgresql.conf first`,
    ]),
    ...(place === undefined || place.file === "" ? [] : [
      `${place.file} sets data_directory, which is another one on hosts that ` +
      "join: take that line out",
    ]),
  ];
}

function alteredProblems({ settings }: ServerFacts): readonly string[] {
  const altered = settings.filter(({ name, file }) =>
    AGENTS.has(name) && file.endsWith("/postgresql.auto.conf")
  );
  return altered.map(({ name }) =>
    `${name} was set by ALTER SYSTEM, which would win over the cluster's own ` +
    `value: call ALTER SYSTEM RESET ${name}`
  );
}

function accessProblems({ hba, ident, hbaErrors }: ServerFacts): string[] {
  const lines = recordLines(hba);
  const problems: string[] = [];
  if (hbaErrors > 0) {
    problems.push(
      `pg_hba.conf has ${hbaErrors} lines that PostgreSQL cannot read: ` +
        "SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL shows them",
    );
  }
  const including = [...lines, ...recordLines(ident)].find((line) =>
    /^include/.test(line) || /(?:^|[\s,])@/.test(line)
  );
  if (including !== undefined) {
    problems.push(
      `"${including}" includes another file, which hosts that join would not ` +
        "have: put its lines in its place",
    );
  }
  const certified = hbaRules(lines).find(({ rule, at }) =>
    rule.method === "cert" || lines[at]?.includes("clientcert=")
  );
  if (certified !== undefined) {
    problems.push(
      `"${
        lines[certified.at]
      }" asks for certificates of clients, which would ` +
        "be judged by the cluster's authority: take the server over by hand, " +
        "docs/migration.md",
    );
  }
  return problems;
}

/** Each is good to know. */
export function adoptionNotes(
  facts: ServerFacts,
  { dataDir, port }: Pick<RunningServer, "dataDir" | "port">,
): readonly string[] {
  const value = (name: string): string => settingOf(facts, name);
  const notes = [
    "Who comes by a proxy has the address of that proxy's host for " +
    "PostgreSQL: pg_hba must let clients in from the members' addresses " +
    "(matriarch edit-config)",
  ];
  if (value("ssl") === "on") {
    notes.push(
      `TLS is with the cluster's certificates, not with ${
        value("ssl_cert_file")
      } any more: clients that check it need the cluster's ca.pem`,
    );
  }
  for (const name of ["archive_command", "archive_library"]) {
    if (/^(?:\(disabled\))?$/.test(value(name))) continue;
    notes.push(`${name} counts on each member: what it calls must be there`);
  }
  if (value("shared_preload_libraries") !== "") {
    notes.push(
      `Each host that joins needs ${
        value("shared_preload_libraries")
      } (shared_preload_libraries)`,
    );
  }
  return [...notes, ...placeNotes(facts, { dataDir, port })];
}

function placeNotes(
  facts: ServerFacts,
  { dataDir, port }: Pick<RunningServer, "dataDir" | "port">,
): readonly string[] {
  const { tablespaces, slots, receivers, settings } = facts;
  const notes: string[] = [];
  if (tablespaces.length > 0) {
    notes.push(
      `Each host that joins needs the folders ${
        tablespaces.join(", ")
      } of tablespaces, empty and PostgreSQL's`,
    );
  }
  if (slots.length > 0) {
    notes.push(
      `Its replication slots stay, on this host alone (ignore_slots): ${
        slots.join(", ")
      }`,
    );
  }
  if (receivers > 0) {
    notes.push(
      `${receivers} receive its WAL: they go on after the restart, and are ` +
        "no members",
    );
  }
  if (port !== SETUP_PORTS.postgres) {
    notes.push(
      `It keeps its port ${port}; hosts that join have ${SETUP_PORTS.postgres}`,
    );
  }
  // Where the configuration lies elsewhere, hosts that join get settings by the store alone.
  const folder = folderOf(settingOf(facts, "config_file"));
  const others = folder !== dataDir ? [] : settings
    .map(({ file }) => file)
    .filter((file) => file !== "" && !file.startsWith(`${dataDir}/`));
  for (const file of new Set(others)) {
    notes.push(
      `Its postgresql.conf includes ${file}: each host that joins needs that ` +
        "file, or put its lines in its place",
    );
  }
  return notes;
}
