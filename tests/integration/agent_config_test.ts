/**
 * Settings that change while members run: dynamic ones by REST and command line,
 * local ones by SIGHUP and `/reload`, and those that wait for a restart.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("settings change while members run", async (t) => {
    await using cluster = await AgentCluster.running({ members: 2 });
    await reloadable(t, cluster);
    await pendingRestart(t, cluster);
    await hostBasedAccess(t, cluster);
    await local(t, cluster);
    await byCommandLine(t, cluster);
    await alterSystem(t, cluster);
    await byRole(t, cluster);
  });
});

async function reloadable(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a reloadable parameter is applied everywhere", async () => {
    const pids = cluster.members.map((member) => member.postmasterPid());
    await patch(cluster, { postgresql: { parameters: { work_mem: "7MB" } } });
    for (const member of cluster.members) {
      await untilSetting(cluster, { member, name: "work_mem", value: "7MB" });
      assert.equal((await member.status())?.["pending_restart"], undefined);
    }
    assert.deepEqual(
      cluster.members.map((member) => member.postmasterPid()),
      pids,
    );
  });
  await step(t, "null takes a parameter back", async () => {
    await patch(cluster, { postgresql: { parameters: { work_mem: null } } });
    for (const member of cluster.members) {
      await untilSetting(cluster, { member, name: "work_mem", value: "4MB" });
    }
  });
  await step(t, "what cannot be a document is refused", async () => {
    const before = (await cluster.keys())["config"];
    const { status } = await cluster.member("n1").rest("/config", {
      method: "PATCH",
      body: [],
    });
    assert.equal(status, 400);
    assert.equal((await cluster.keys())["config"], before);
  });
}

async function pendingRestart(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  await step(
    t,
    "max_connections waits for a restart, and says so",
    async () => {
      await patch(cluster, {
        postgresql: { parameters: { max_connections: 35 } },
      });
      for (const member of cluster.members) {
        await cluster.until(
          `${member.name} has a pending restart`,
          async () => (await member.status())?.["pending_restart"] === true,
        );
        const status = await member.status();
        assert.deepEqual(status?.["pending_restart_reason"], {
          max_connections: { old_value: "30", new_value: "35" },
        });
        await cluster.until("its key says so too", async () => {
          const key = await cluster.key(`members/${member.name}`) as Section;
          return key["pending_restart"] === true;
        });
      }
      assert.equal(await setting(leader, "max_connections"), "30");
    },
  );
  await step(t, "POST /restart applies it, leader first", async () => {
    for (const member of cluster.members) {
      const before = member.postmasterPid();
      const { status, text } = await member.rest("/restart", {
        method: "POST",
        body: { restart_pending: true },
      });
      // A replica that cannot replay any more restarts without being asked (R725).
      if (member === leader) {
        assert.deepEqual(
          { status, text },
          { status: 200, text: "restarted successfully" },
        );
      }
      await untilSetting(cluster, {
        member,
        name: "max_connections",
        value: "35",
      });
      assert.notEqual(member.postmasterPid(), before);
      await cluster.until(
        `${member.name} waits for nothing`,
        async () => (await member.status())?.["pending_restart"] === undefined,
      );
    }
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
  await step(t, "a restart for nothing pending is refused", async () => {
    const { status } = await leader.rest("/restart", {
      method: "POST",
      body: { restart_pending: true },
    });
    assert.equal(status, 503);
  });
}

async function hostBasedAccess(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "pg_hba of the local file changes with SIGHUP", async () => {
    const leader = cluster.member("n1");
    const { pg_hba: lines } = sectionOf(leader.config, "postgresql");
    assert.ok(Array.isArray(lines));
    change(leader, {
      pg_hba: ["host all nobody 127.0.0.1/32 reject", ...lines],
    });
    leader.signal("SIGHUP");
    await cluster.until("the first line is the new one", async () => {
      const [row] = await leader.sql(
        "SELECT user_name, auth_method FROM pg_hba_file_rules " +
          "ORDER BY line_number LIMIT 1",
      );
      return row?.["auth_method"] === "reject";
    });
  });
  await step(
    t,
    "pg_hba of the dynamic document reaches who has none",
    async () => {
      const replica = cluster.member("n2");
      const { pg_hba: lines, ...rest } = sectionOf(
        replica.config,
        "postgresql",
      );
      assert.ok(Array.isArray(lines));
      const dynamic = ["host all dynamic 127.0.0.1/32 reject", ...lines];
      await patch(cluster, { postgresql: { pg_hba: dynamic } });
      replica.config = { ...replica.config, postgresql: rest };
      replica.writeConfig();
      replica.signal("SIGHUP");
      await cluster.until("the dynamic line is in force", async () => {
        const rows = await replica.sql(
          "SELECT user_name FROM pg_hba_file_rules ORDER BY line_number LIMIT 1",
        );
        return String(rows[0]?.["user_name"]).includes("dynamic");
      });
    },
  );
}

async function local(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const replica = cluster.member("n2");
  await step(t, "a local parameter changes with POST /reload", async () => {
    const { parameters } = sectionOf(replica.config, "postgresql");
    change(replica, { parameters: { ...Object(parameters), work_mem: "9MB" } });
    const { status, text } = await replica.rest("/reload", { method: "POST" });
    assert.deepEqual({ status, text }, {
      status: 202,
      text: "reload scheduled",
    });
    await untilSetting(cluster, {
      member: replica,
      name: "work_mem",
      value: "9MB",
    });
    assert.equal(await setting(cluster.member("n1"), "work_mem"), "4MB");
  });
  await step(t, "a file with errors changes nothing", async () => {
    const pid = replica.postmasterPid();
    Deno.writeTextFileSync(replica.configPath, "scope: [");
    replica.signal("SIGHUP");
    await cluster.until("the log says so", () =>
      Promise.resolve(
        replica.log().includes("Exception when reloading local configuration"),
      ));
    assert.equal(await setting(replica, "work_mem"), "9MB");
    assert.equal(replica.postmasterPid(), pid);
    replica.writeConfig();
  });
  await step(
    t,
    "nor does one of which a single part cannot be used",
    async () => {
      const good = replica.config;
      const { pid } = replica;
      for (const [part, expected] of unusableParts(cluster)) {
        const before = refusals(replica).length;
        replica.config = withChanges(good, part);
        replica.writeConfig();
        replica.signal("SIGHUP");
        await cluster.until(
          `the reload with ${JSON.stringify(part)} is refused`,
          () => Promise.resolve(refusals(replica).length > before),
        );
        assert.match(refusals(replica).at(-1) ?? "", expected);
        // REST answers where it did, with what was in force.
        const status = await replica.status();
        assert.equal(status?.["tags"], undefined, JSON.stringify(part));
        assert.equal(await setting(replica, "work_mem"), "9MB");
      }
      assert.equal(replica.pid, pid);
      const key = await cluster.key("members/n2") as Section;
      assert.equal(key["tags"], undefined);
      // The same changes without those parts are taken over.
      replica.config = withChanges(good, {});
      replica.writeConfig();
      replica.signal("SIGHUP");
      await untilSetting(cluster, {
        member: replica,
        name: "work_mem",
        value: "10MB",
      });
      assert.deepEqual((await replica.status())?.["tags"], {
        noloadbalance: true,
      });
      replica.config = good;
      replica.writeConfig();
      replica.signal("SIGHUP");
      await untilSetting(cluster, {
        member: replica,
        name: "work_mem",
        value: "9MB",
      });
    },
  );
}

/** Sections to lay over the file, and what the log says of them. */
function unusableParts(
  cluster: AgentCluster,
): readonly (readonly [Section, RegExp])[] {
  const { configPath } = cluster.member("n2");
  const { listen } = sectionOf(cluster.member("n1").config, "restapi");
  return [
    [
      { ctl: { cacert: "/none.crt" } },
      /ctl\.cacert: the file \/none\.crt cannot/,
    ],
    [{ ctl: { certfile: configPath } }, /ctl\.certfile: .* no certificate/],
    [{ ctl: { keyfile: "/none.key" } }, /ctl\.keyfile: .* cannot be read/],
    [{ restapi: { certfile: "/none.crt" } }, /restapi\.certfile: the file/],
    [{ restapi: { listen } }, /ListenError: /],
    [{ log: { dir: "/none" } }, /log\.dir: .* cannot be written/],
    [{ tags: ["nofailover"] }, /tags: got .*, wanted a map/],
    [{ postgresql: { pg_hba: 5 } }, /postgresql\.pg_hba: got 5, wanted a list/],
    [{ proxy: { allow: "all" } }, /proxy\.allow: got "all", wanted networks/],
    [{ etcd3: { url: "ftp://x" } }, /etcd3\.url: got "ftp:\/\/x", wanted http/],
  ];
}

/** The file with a tag and a parameter that would show, and `part` over it. */
function withChanges(config: Section, part: Section): Section {
  const { parameters } = sectionOf(config, "postgresql");
  const changes: Section = {
    tags: { noloadbalance: true },
    postgresql: { parameters: { ...Object(parameters), work_mem: "10MB" } },
  };
  const merged = { ...config };
  for (
    const [name, keys] of [...Object.entries(changes), ...Object.entries(part)]
  ) {
    merged[name] = Array.isArray(keys)
      ? keys
      : { ...Object(merged[name]), ...Object(keys) };
  }
  return merged;
}

/** What the log says of reloads that were refused, each with the lines below it. */
function refusals(member: AgentMember): readonly string[] {
  return member.log()
    .split("Exception when reloading local configuration").slice(1);
}

async function byCommandLine(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "edit-config and show-config", async () => {
    const leader = cluster.member("n1");
    const edited = await commandLine(leader, [
      ...["edit-config", "batman", "--force", "--quiet"],
      ...["--pg", "work_mem=11MB", "--set", "loop_wait=3"],
    ]);
    assert.equal(edited.code, 0, edited.text);
    await untilSetting(cluster, {
      member: leader,
      name: "work_mem",
      value: "11MB",
    });
    const shown = await commandLine(leader, ["show-config", "batman"]);
    assert.equal(shown.code, 0, shown.text);
    assert.match(shown.text, /^loop_wait: 3$/m);
    assert.match(shown.text, /^ +work_mem: 11MB$/m);
  });
}

async function alterSystem(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  await step(
    t,
    "ALTER SYSTEM against the agent is told, with its reason",
    async () => {
      await leader.sql("ALTER SYSTEM SET max_connections = 99");
      await leader.sql("ALTER SYSTEM SET work_mem = '13MB'");
      await leader.sql("SELECT pg_reload_conf()");
      await cluster.until("n1 says so", () =>
        Promise.resolve(
          /max_connections = '99' .* has no effect, .* started with 35;/.test(
            leader.log(),
          ) && /work_mem = '13MB' .* beats the configured/.test(leader.log()),
        ));
      // A restart would change nothing, so none is asked for.
      assert.equal((await leader.status())?.["pending_restart"], undefined);
      await leader.sql("ALTER SYSTEM RESET ALL");
      await leader.sql("SELECT pg_reload_conf()");
      await untilSetting(cluster, {
        member: leader,
        name: "work_mem",
        value: "11MB",
      });
    },
  );
}

async function byRole(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [first, second] = [cluster.member("n1"), cluster.member("n2")];
  const own = { primary: "17MB", replica: "18MB" };
  await step(t, "settings of a role reach who has it", async () => {
    const { pg_hba: lines } = sectionOf(first.config, "postgresql");
    assert.ok(Array.isArray(lines));
    await patch(cluster, {
      postgresql: {
        parameters_primary: {
          maintenance_work_mem: own.primary,
          max_files_per_process: 900,
        },
        parameters_replica: { maintenance_work_mem: own.replica },
        pg_hba_replica: ["host all stranger 127.0.0.1/32 reject", ...lines],
      },
    });
    await untilRoles(cluster, { primary: first, replica: second, own });
  });
  await step(t, "and change hands with it", async () => {
    const before = second.postmasterPid();
    const { status, text } = await first.rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2" },
    });
    assert.equal(status, 200, text);
    assert.equal((await cluster.untilWhole()).name, "n2");
    await untilRoles(cluster, { primary: second, replica: first, own });
    assert.equal(second.postmasterPid(), before);
  });
  await step(
    t,
    "a check asks a replica for its replication state",
    async () => {
      for (const [state, wanted] of [["streaming", 200], ["other", 503]]) {
        const path = `/replica?replication_state=${state}`;
        assert.equal((await first.rest(path)).status, wanted, path);
      }
    },
  );
}

/** Waits until both have the parameters, lines and pending restart of their role. */
async function untilRoles(
  cluster: AgentCluster,
  wanted: {
    readonly primary: AgentMember;
    readonly replica: AgentMember;
    readonly own: { readonly primary: string; readonly replica: string };
  },
): Promise<void> {
  for (const role of ["primary", "replica"] as const) {
    const member = wanted[role];
    const name = "maintenance_work_mem";
    await untilSetting(cluster, { member, name, value: wanted.own[role] });
    await cluster.until(`${member.name} has a ${role}'s lines`, async () => {
      const rows = await member.sql(
        "SELECT 1 FROM pg_hba_file_rules WHERE user_name = '{stranger}'",
      );
      return rows.length === (role === "replica" ? 1 : 0);
    });
    await cluster.until(`${member.name}'s pending restart`, async () => {
      const status = await member.status();
      const reason = Object(status?.["pending_restart_reason"]);
      return Object.hasOwn(reason, "max_files_per_process") ===
        (role === "primary");
    });
  }
}

/** Changes keys of section `postgresql` and writes the file. */
function change(member: AgentMember, keys: Section): void {
  const postgresql = { ...sectionOf(member.config, "postgresql"), ...keys };
  member.config = { ...member.config, postgresql };
  member.writeConfig();
}

async function patch(cluster: AgentCluster, body: Section): Promise<void> {
  const options = { method: "PATCH", body };
  const answer = await cluster.member("n1").rest("/config", options);
  assert.equal(answer.status, 200, answer.text);
}

async function setting(member: AgentMember, name: string): Promise<unknown> {
  const [row] = await member.sql(`SHOW ${name}`);
  return row?.[name];
}

async function untilSetting(
  cluster: AgentCluster,
  wanted: {
    readonly member: AgentMember;
    readonly name: string;
    readonly value: string;
  },
): Promise<void> {
  const { member, name, value } = wanted;
  await cluster.until(
    `${name} of ${member.name} is ${value}`,
    async () => (await setting(member, name)) === value,
  );
}
