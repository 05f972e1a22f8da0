/**
 * Goal: no password of the configuration gets to where others may read.
 *
 * Method: every secret holds one word that stands nowhere else. Two members, whose
 * replication and rewind want certificates with an encrypted key, go through
 * bootstrap, clone, switchover, rewind, reload and refused requests, at log level
 * DEBUG and with a PostgreSQL that logs every statement. Then the word is looked
 * for in all that they wrote, sent, stored and started.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type {
  AgentMember,
  MemberPlace,
  Section,
} from "../helpers/agent_member.ts";
import { selfSigned } from "../helpers/certificates.ts";
import { signalTo } from "../helpers/own_processes.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** Stands in every secret. */
const WORD = "kanarienvogel";

/** As it is, and within base64, where it may begin at three places. */
const FORMS = [WORD, ...["", "x", "xy"].map(encodedAfter)];

const SUPERUSER = { username: "postgres", password: "super secret" };
const REST = { username: "rest", password: `${WORD}-rest` };
const KEY_PASSWORD = `${WORD} 'key' \\`;

/** PostgreSQL's settings by which statements get into its log. */
const TALKATIVE = {
  log_statement: "all",
  log_min_duration_statement: 0,
  log_min_duration_sample: 0,
  log_statement_sample_rate: 1,
  log_transaction_sample_rate: 1,
  log_min_error_statement: "debug5",
};

unprivileged(import.meta.url, () => {
  Deno.test("secrets stay where they were written", async (t) => {
    await using cluster = await AgentCluster.create({
      members: 2,
      hasProxies: true,
      bootstrapDcs: { failsafe_mode: true },
      change: withSecrets,
    });
    await makeKeys(cluster.directory);
    for (const member of cluster.members) {
      await noteCalls(member.place);
      member.environment = { PATRONI_REWIND_PASSWORD: `${WORD} from outside` };
    }
    await life(t, cluster);
    await answers(t, cluster);
    await traces(t, cluster);
  });
});

function encodedAfter(before: string): string {
  const text = Buffer.from(`${before}${WORD}`).toString("base64");
  // What the neighbours of the word have a part in is left out.
  return text.slice(before === "" ? 0 : 4, -4);
}

/** One server certificate, and one with an encrypted key for all clients. */
async function makeKeys(directory: string): Promise<void> {
  const pairs = [["server", null], ["client", KEY_PASSWORD]] as const;
  for (const [name, passphrase] of pairs) {
    const { cert, key } = await selfSigned(name, passphrase);
    await Deno.writeTextFile(`${directory}/${name}.crt`, cert);
    await Deno.writeTextFile(`${directory}/${name}.key`, key, { mode: 0o600 });
  }
}

function withSecrets(config: Section, { directory }: MemberPlace): Section {
  const postgresql = sectionOf(config, "postgresql");
  const keys = directory.slice(0, directory.lastIndexOf("/"));
  const client = {
    sslmode: "require",
    sslcert: `${keys}/client.crt`,
    sslkey: `${keys}/client.key`,
    sslpassword: KEY_PASSWORD,
  };
  return {
    ...config,
    restapi: { ...sectionOf(config, "restapi"), authentication: REST },
    postgresql: {
      ...postgresql,
      bin_dir: `${directory}/bin`,
      authentication: {
        superuser: SUPERUSER,
        replication: {
          username: "replicator",
          password: `${WORD} re'p:l`,
          ...client,
        },
        rewind: {
          username: "rewinder",
          password: "is replaced",
          ...client,
        },
      },
      callbacks: {
        on_start: `${directory}/bin/callback`,
        on_role_change: `${directory}/bin/callback`,
      },
      parameters: {
        ...sectionOf(postgresql, "parameters"),
        ...TALKATIVE,
        ssl: "on",
        ssl_cert_file: `${keys}/server.crt`,
        ssl_key_file: `${keys}/server.key`,
        ssl_ca_file: `${keys}/client.crt`,
      },
      pg_hba: [
        "local all all trust",
        "hostssl replication replicator 127.0.0.1/32 scram-sha-256 clientcert=verify-ca",
        "hostssl all rewinder 127.0.0.1/32 scram-sha-256 clientcert=verify-ca",
        "host all postgres 127.0.0.1/32 scram-sha-256",
      ],
    },
  };
}

/** Every program of PostgreSQL notes how it was called before it runs. */
async function noteCalls({ directory }: MemberPlace): Promise<void> {
  await Deno.mkdir(`${directory}/bin`, { recursive: true });
  for await (const { name } of Deno.readDir(BIN_DIR)) {
    await noting(directory, name, `exec ${BIN_DIR}/${name} "$@"`);
  }
  await noting(directory, "callback", "");
}

async function noting(
  directory: string,
  name: string,
  body: string,
): Promise<void> {
  const path = `${directory}/bin/${name}`;
  const lines = [
    "#!/bin/sh",
    `{ echo "${name} $*"; env; } >>"${directory}/calls"`,
    body,
  ];
  await Deno.writeTextFile(path, lines.join("\n"), { mode: 0o755 });
}

async function life(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [first, second] = [cluster.member("n1"), cluster.member("n2")];
  await step(t, "bootstrap and clone", async () => {
    await cluster.startAll();
    await first.sql("CREATE TABLE t (id int)");
  });
  await step(t, "switchover", async () => {
    const { status, text } = await ask(first, "POST /switchover", {
      body: { leader: "n1", candidate: "n2" },
    });
    assert.equal(status, 200, text);
    await cluster.untilWhole();
  });
  await step(t, "a new password by a reload", async () => {
    const password = `${REST.password}-new`;
    const authentication = { ...REST, password };
    const restapi = { ...sectionOf(first.config, "restapi"), authentication };
    first.config = { ...first.config, restapi };
    first.writeConfig();
    first.signal("SIGHUP");
    await cluster.until("the new one is asked for", async () => {
      const login = `${REST.username}:${password}`;
      const { status } = await ask(first, "POST /reload", { body: {}, login });
      return status === 202;
    });
  });
  await step(t, "rewind", async () => {
    const senders = await second.freezeReplication();
    await second.sql("INSERT INTO t VALUES (1)");
    await second.killAll();
    for (const pid of senders) signalTo(pid, "SIGKILL");
    await cluster.untilLeader(["n1"]);
    await first.sql("INSERT INTO t VALUES (2)");
    second.start();
    await cluster.untilWhole();
    assert.match(second.log(), /running pg_rewind from n1/);
  });
}

interface Call {
  readonly body: unknown;
  /** `user:password` if not the right one. */
  readonly login?: string;
}

/** Sends a request with a password. */
async function ask(
  { place }: AgentMember,
  line: string,
  { body, login = `${REST.username}:${REST.password}` }: Call,
): Promise<{ readonly status: number; readonly text: string }> {
  const [method = "", path = ""] = line.split(" ");
  const authorization = `Basic ${Buffer.from(login).toString("base64")}`;
  const response = await fetch(`http://127.0.0.1:${place.restPort}${path}`, {
    method,
    body: JSON.stringify(body),
    headers: { authorization },
  });
  return { status: response.status, text: await response.text() };
}

const DOCUMENTS = [
  "/",
  "/patroni",
  "/cluster",
  "/config",
  "/history",
  "/failsafe",
  "/explain",
  "/metrics",
  "/openapi.json",
];

async function answers(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "no answer has one", async () => {
    for (const member of cluster.members) {
      for (const path of DOCUMENTS) {
        nowhere(path, (await member.rest(path)).text);
      }
      const stats = member.place.proxyPorts?.stats ?? 0;
      for (const path of ["/", "/metrics", "/stats.json"]) {
        const page = await fetch(`http://127.0.0.1:${stats}${path}`);
        nowhere(`the proxy's ${path}`, await page.text());
      }
    }
  });
  await step(t, "a refused request is answered without it", async () => {
    const member = cluster.member("n2");
    const wrong = await ask(member, "POST /reload", {
      body: {},
      login: `rest:${WORD}`,
    });
    assert.equal(wrong.status, 401);
    nowhere("401", wrong.text);
    const body = { leader: { password: WORD } };
    const bad = await ask(member, "POST /switchover", { body });
    assert.equal(bad.status, 400);
    nowhere("400", bad.text);
  });
  await step(t, "a configuration at fault is told without it", async () => {
    const member = cluster.member("n1");
    const good = member.config;
    member.config = { ...good, postgresql: WORD, restapi: { listen: 1 } };
    member.writeConfig();
    await Deno.writeTextFile(
      member.configPath,
      `\nctl: {authentication: {username: a, password: [${WORD}]}}\n`,
      { append: true },
    );
    member.signal("SIGHUP");
    await cluster.until("the reload failed", () =>
      Promise.resolve(
        member.log().includes("Exception when reloading local configuration"),
      ));
    member.config = good;
    member.writeConfig();
  });
}

/** What is left behind: calls, logs, keys, files. */
async function traces(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "no program was told one", async () => {
    const texts = await Promise.all(
      cluster.members.map(({ place }) =>
        Deno.readTextFile(`${place.directory}/calls`)
      ),
    );
    for (const name of ["pg_basebackup", "pg_rewind", "postgres", "callback"]) {
      assert.match(texts.join("\n"), new RegExp(`^${name} `, "m"));
    }
    texts.forEach((text) => nowhere("arguments or environment", text));
  });
  await step(t, "the logs have none", () => {
    assert.match(cluster.logs(), /LOG: {2}statement: INSERT INTO t/);
    nowhere("log", cluster.logs());
    return Promise.resolve();
  });
  await step(t, "the store has none", async () => {
    nowhere("store", JSON.stringify(await cluster.keys()));
  });
  await step(t, "files that have one are closed to others", async () => {
    for (const { place: { directory } } of cluster.members) {
      const paths = await filesWith(directory);
      assert.ok(paths.includes(`${directory}/pgpass`), "it is looked for");
      for (const path of paths) {
        const { mode } = await Deno.stat(path);
        assert.ok(mode !== null);
        assert.equal(mode & 0o077, 0, `${path} is open`);
      }
    }
  });
}

/** The files below a directory that hold the word, the configuration aside. */
async function filesWith(directory: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("grep", {
    args: ["-rlF", "--exclude=member.yml", WORD, directory],
  }).output();
  return new TextDecoder().decode(stdout).split("\n").filter(Boolean);
}

function nowhere(place: string, text: string): void {
  const at = FORMS.map((form) => text.indexOf(form)).find((i) => i >= 0);
  if (at === undefined) return;
  assert.fail(`${place}: ...${text.slice(Math.max(0, at - 300), at + 60)}`);
}
