/**
 * Encoding, sort order and language are the environment's, as with PostgreSQL's
 * own programs: for initdb, and for every program of the user. What this program
 * reads stays English, whatever the servers speak.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import {
  type AgentMember,
  connectTo,
  PASSWORDS,
} from "../helpers/agent_member.ts";
import { isAboutSlot } from "../../lib/adapters/postgres/process/program_options.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const GERMAN = "de_DE.UTF-8";
const SOURCE = "/usr/share/i18n/locales/de_DE";

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "the environment's locale",
    // localedef is in libc; what it compiles is in Debian's package locales.
    ignore: Deno.env.get("CI") !== "true" && !isThere(SOURCE),
    fn: async (t) => {
      await using cluster = await AgentCluster.create({
        members: 2,
        bootstrapDcs: { loop_wait: 1 },
        change: (config, { directory }) => ({
          ...config,
          bootstrap: {
            ...sectionOf(config, "bootstrap"),
            initdb: ["no-sync", { "auth-host": "scram-sha-256" }],
            post_bootstrap: `${directory}/note post_bootstrap`,
            users: {
              admin: {
                password: "admin%",
                options: ["createrole", "createdb"],
              },
              readers: { options: ["nologin"] },
              replicator: { password: "another", options: ["superuser"] },
            },
          },
          postgresql: {
            ...sectionOf(config, "postgresql"),
            parameters: {
              ...sectionOf(sectionOf(config, "postgresql"), "parameters"),
              lc_messages: GERMAN,
              // Both are refused, in the language that stands before them.
              no_such_thing: 1,
              work_mem: "1kB",
            },
            create_replica_methods: ["noted", "basebackup"],
            noted: { command: `${directory}/note clone` },
            callbacks: { on_role_change: `${directory}/note callback` },
            pre_promote: `${directory}/note pre_promote`,
            before_stop: `${directory}/note before_stop`,
          },
        }),
      });
      const locales = await germanIn(cluster.directory);
      for (const member of cluster.members) {
        member.environment = { LC_ALL: GERMAN, LOCPATH: locales };
        await noteScript(member);
      }
      await missing(t, cluster, locales);
      await cluster.startAll();
      await german(t, cluster);
    },
  });
});

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A compiled locale that only who is told of it finds. */
async function germanIn(directory: string): Promise<string> {
  const folder = join(directory, "locales");
  await Deno.mkdir(folder);
  const made = await new Deno.Command("localedef", {
    args: ["-i", "de_DE", "-f", "UTF-8", join(folder, GERMAN)],
  }).output();
  assert.ok(made.success, new TextDecoder().decode(made.stderr));
  return folder;
}

/** Notes what locale it runs in; a clone by it fails. */
async function noteScript({ place }: AgentMember): Promise<void> {
  const { directory } = place;
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(
    join(directory, "note"),
    `#!/bin/sh\necho "$1 \${LC_ALL-none}" >>${directory}/notes\n` +
      'test "$1" != clone\n',
    { mode: 0o755 },
  );
}

async function notesOf({ place }: AgentMember): Promise<readonly string[]> {
  const text = await Deno.readTextFile(join(place.directory, "notes"))
    .catch(() => "");
  return text.trimEnd().split("\n");
}

async function missing(
  t: Deno.TestContext,
  cluster: AgentCluster,
  locales: string,
): Promise<void> {
  const member = cluster.member("n1");
  await step(t, "a locale that is not there is named", async () => {
    const kept = member.environment;
    member.environment = { LC_ALL: "xx_YY.UTF-8", LOCPATH: locales };
    member.start();
    assert.notEqual((await member.ended()).code, 0);
    assert.match(member.log(), /Failed to bootstrap: .*initdb.*LC_\* env/);
    member.environment = kept;
  });
}

async function german(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [first, second] = [cluster.member("n1"), cluster.member("n2")];
  await step(t, "initdb follows the environment", async () => {
    const [row] = await first.sql(
      "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, " +
        "datctype, current_setting('lc_messages') AS messages " +
        "FROM pg_database WHERE datname = 'postgres'",
    );
    assert.deepEqual({ ...row }, {
      encoding: "UTF8",
      datcollate: GERMAN,
      datctype: GERMAN,
      messages: GERMAN,
    });
    await assert.rejects(first.sql("SELECT 1/0"), /Division durch Null/);
  });
  await step(t, "bootstrap.users are made, with a warning", async () => {
    const rows = await first.sql(
      "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin " +
        "FROM pg_roles WHERE rolname IN ('admin', 'readers', 'replicator') " +
        "ORDER BY 1",
    );
    assert.deepEqual(rows.map((row) => Object.values(row)), [
      ["admin", false, true, true, true],
      ["readers", false, false, false, false],
      ["replicator", false, false, false, true],
    ]);
    const admin = connectTo(first.place.postgresPort, {
      username: "admin",
      password: "admin%",
    });
    try {
      assert.equal((await admin`SELECT 1 AS one`)[0]?.["one"], 1);
    } finally {
      await admin.end({ timeout: 1 });
    }
    assert.match(first.log(), /bootstrap\.users is deprecated/);
  });
  await step(t, "what the server refuses is understood", () => {
    assert.match(first.log(), /unexpected parameter=no_such_thing/);
    assert.match(first.log(), /parameter=work_mem is out of range/);
    return Promise.resolve();
  });
  await step(t, "a slot that is missing is understood as well", async () => {
    const { stderr } = await new Deno.Command(join(BIN_DIR, "pg_basebackup"), {
      args: [
        ...["--pgdata", join(cluster.directory, "copy"), "--slot", "nobody"],
        ...["--checkpoint", "fast", "--dbname"],
        `host=127.0.0.1 port=${first.place.postgresPort} user=replicator`,
      ],
      env: { LC_ALL: "C", PGPASSWORD: PASSWORDS.replicator },
    }).output();
    const text = new TextDecoder().decode(stderr);
    assert.match(text, /existiert nicht/);
    assert.ok(isAboutSlot(text, "nobody"), text);
    assert.ok(!isAboutSlot(text, "somebody"), text);
  });
  await step(t, "so do the programs of the user", async () => {
    const { status, text } = await first.rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2" },
    });
    assert.equal(status, 200, text);
    await cluster.untilWhole();
    await cluster.until(
      "the callback ran",
      async () => (await notesOf(second)).includes(`callback ${GERMAN}`),
    );
    const kinds = async (member: AgentMember) => new Set(await notesOf(member));
    assert.deepEqual(
      await kinds(first),
      new Set(["post_bootstrap", "before_stop", "callback"]
        .map((kind) => `${kind} ${GERMAN}`)),
    );
    assert.deepEqual(
      await kinds(second),
      new Set(["clone", "pre_promote", "callback"]
        .map((kind) => `${kind} ${GERMAN}`)),
    );
  });
}
