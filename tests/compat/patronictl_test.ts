/**
 * The real `patronictl` drives a scope of our members: it reads the same keys,
 * asks our REST API, and every command does what it says.
 */
import assert from "node:assert/strict";
import {
  encodeFencing,
  FENCING_KEY,
} from "../../lib/core/codec/fencing_codec.ts";
import { encodePledge, pledgeKey } from "../../lib/core/codec/pledge_codec.ts";
import { lsn, revision } from "../../lib/core/base/units.ts";
import { type AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { type AgentMember, PASSWORDS } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { mixedCluster } from "./mixed.ts";
import { patronictl, patroniSkipReason } from "./programs.ts";

const SKIP = patroniSkipReason();

interface Scene {
  readonly t: Deno.TestContext;
  readonly cluster: AgentCluster;
}

unprivileged(import.meta.url, () => {
  const name = "patronictl drives our members" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    const kinds = ["matriarch", "matriarch", "matriarch"] as const;
    await using cluster = await mixedCluster(kinds);
    const scene = { t, cluster };
    await pledges(cluster);
    await reads(scene);
    await configures(scene);
    await pauses(scene);
    await restarts(scene);
    await changesLeader(scene);
    await reinitializes(scene);
    await schedules(scene);
    await removes(scene);
  });
});

/** Runs a command that must succeed; returns all that it printed. */
async function ctl(
  cluster: AgentCluster,
  ...words: readonly string[]
): Promise<string> {
  const end = await patronictl(cluster.member("n2"), words, {
    PGPASSWORD: PASSWORDS.postgres,
  });
  assert.equal(end.code, 0, `${words.join(" ")}: ${end.output}${end.errors}`);
  return end.output + end.errors;
}

/** Keys that Patroni does not know lie in the scope all along. */
async function pledges(cluster: AgentCluster): Promise<void> {
  const pledge = { term: revision("7"), timeline: 1, lsn: lsn(64) };
  await cluster.put(pledgeKey("n2"), encodePledge(pledge));
  await cluster.put(pledgeKey("n3"), encodePledge(null));
  await cluster.put(FENCING_KEY, encodeFencing({ claim: null, past: [] }));
}

async function reads({ t, cluster }: Scene): Promise<void> {
  const any = cluster.member("n2");
  for (
    const words of [
      ["list", "batman"],
      ["list", "batman", "-e"],
      ["list", "batman", "-f", "json"],
      ["list", "batman", "-f", "tsv"],
      ["topology", "batman"],
      ["show-config", "batman"],
      ["dsn", "batman", "-m", "n3"],
      ["history", "batman"],
    ]
  ) {
    await step(t, `${words.join(" ")}: the same as ours`, async () => {
      await cluster.until("both print the same", async () => {
        const theirs = await patronictl(any, words);
        const ours = await commandLine(any, words);
        assert.equal(theirs.code, 0, theirs.errors);
        assert.equal(ours.text, theirs.output);
        return true;
      }, 15_000);
    });
  }
  await step(t, "version of a member", async () => {
    const text = await ctl(cluster, "version", "batman", "n1");
    assert.match(text, /n1: Patroni \S+ PostgreSQL \d+/);
  });
  await step(t, "query of the leader", async () => {
    const text = await ctl(
      ...[cluster, "query", "batman", "-r", "primary"] as const,
      ...["-U", "postgres", "-c", "SELECT 40 + 2 AS sum", "--format", "tsv"],
      ...["-d", "postgres"],
    );
    assert.match(text, /42/);
  });
}

async function configures({ t, cluster }: Scene): Promise<void> {
  await step(t, "edit-config --set reaches PostgreSQL", async () => {
    await ctl(
      ...[cluster, "edit-config", "batman", "--force", "-q"] as const,
      ...["-p", "work_mem=7MB", "-s", "maximum_lag_on_failover=2097152"],
    );
    for (const member of cluster.members) {
      await cluster.until(`${member.name} has it`, async () => {
        const [row] = await member.sql("SHOW work_mem");
        return row?.["work_mem"] === "7MB";
      });
    }
    const text = await ctl(cluster, "show-config", "batman");
    assert.match(text, /maximum_lag_on_failover: 2097152/);
  });
  await step(t, "edit-config of a parameter that needs a restart", async () => {
    await ctl(
      ...[cluster, "edit-config", "batman", "--force", "-q"] as const,
      ...["-p", "max_connections=35"],
    );
    await cluster.until("all wait for a restart", async () => {
      const rows = await listed(cluster);
      return rows.every((row) => row["Pending restart"] === "*");
    });
  });
}

async function pauses({ t, cluster }: Scene): Promise<void> {
  await step(t, "pause --wait", async () => {
    const text = await ctl(cluster, "pause", "batman", "--wait");
    assert.match(text, /Success: cluster management is paused/);
    assert.match(await ctl(cluster, "list", "batman"), /Maintenance mode: on/);
  });
  await step(t, "resume --wait", async () => {
    const text = await ctl(cluster, "resume", "batman", "--wait");
    assert.match(text, /Success: cluster management is resumed/);
  });
}

async function restarts({ t, cluster }: Scene): Promise<void> {
  await step(t, "restart --pending of one replica", async () => {
    await ctl(cluster, "restart", "batman", "n3", "--force", "--pending");
    const [row] = await cluster.member("n3").sql("SHOW max_connections");
    // A replica may not have less than its primary, but it may have more.
    assert.equal(row?.["max_connections"], "35");
  });
  await step(t, "restart of all", async () => {
    const text = await ctl(cluster, "restart", "batman", "--force");
    assert.equal(text.match(/Success: restart on member/g)?.length, 3, text);
    await cluster.until("nobody waits for a restart", async () => {
      const rows = await listed(cluster);
      return rows.every((row) => row["Pending restart"] === undefined);
    });
    await cluster.untilWhole();
  });
  await step(t, "reload", async () => {
    const text = await ctl(cluster, "reload", "batman", "n1", "--force");
    assert.match(text, /Reload request received for member n1/);
  });
}

async function changesLeader({ t, cluster }: Scene): Promise<void> {
  await step(t, "switchover to a candidate", async () => {
    const { name } = await cluster.untilWhole();
    const candidate = otherThan(cluster, name);
    const text = await ctl(
      ...[cluster, "switchover", "batman", "--leader", name] as const,
      ...["--candidate", candidate, "--force"],
    );
    assert.match(
      text,
      new RegExp(`Successfully switched over to "${candidate}"`),
    );
    assert.equal((await cluster.untilWhole()).name, candidate);
  });
  await step(t, "failover to a candidate", async () => {
    const { name } = await cluster.untilWhole();
    const candidate = otherThan(cluster, name);
    const text = await ctl(
      ...[cluster, "failover", "batman", "--candidate", candidate] as const,
      "--force",
    );
    assert.match(
      text,
      new RegExp(`Successfully failed over to "${candidate}"`),
    );
    assert.equal((await cluster.untilWhole()).name, candidate);
  });
  await step(t, "a switchover from a member that does not lead", async () => {
    const leader = await cluster.untilWhole();
    const { code, errors } = await patronictl(leader, [
      ...["switchover", "batman", "--force"],
      ...["--leader", otherThan(cluster, leader.name)],
    ]);
    assert.notEqual(code, 0);
    assert.match(errors, /is not the leader of cluster/);
  });
  await step(t, "history: the same as ours", async () => {
    const any = cluster.member("n2");
    const theirs = await ctl(cluster, "history", "batman");
    const ours = await commandLine(any, ["history", "batman"]);
    assert.equal(ours.text, theirs);
    assert.match(theirs, /no recovery target specified/);
  });
}

async function reinitializes({ t, cluster }: Scene): Promise<void> {
  await step(t, "reinit --wait of a replica", async () => {
    const leader = await cluster.untilWhole();
    const replica = cluster.member(otherThan(cluster, leader.name));
    const before = replica.log().length;
    const text = await ctl(
      ...[cluster, "reinit", "batman", replica.name] as const,
      ...["--force", "--wait"],
    );
    assert.match(text, new RegExp(`Success: reinitialize for member`));
    assert.match(text, /Reinitialize is completed on: n\d/);
    assert.match(replica.log().slice(before), /reinitializing from /);
    assert.equal((await cluster.untilWhole()).name, leader.name);
  });
}

async function schedules({ t, cluster }: Scene): Promise<void> {
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  await step(t, "a scheduled switchover is listed, and flushed", async () => {
    const { name } = await cluster.untilWhole();
    await ctl(
      ...[cluster, "switchover", "batman", "--leader", name] as const,
      ...["--candidate", otherThan(cluster, name)],
      ...["--scheduled", inAnHour, "--force"],
    );
    const list = await ctl(cluster, "list", "batman");
    assert.match(list, /Switchover scheduled at: /);
    const ours = await commandLine(cluster.member("n2"), ["list", "batman"]);
    assert.equal(ours.text, list);
    await ctl(cluster, "flush", "batman", "switchover", "--force");
    const after = await ctl(cluster, "list", "batman");
    assert.doesNotMatch(after, /scheduled/);
  });
  await step(t, "a scheduled restart is listed, and flushed", async () => {
    await ctl(
      ...[cluster, "restart", "batman", "n3", "--force"] as const,
      ...["--scheduled", inAnHour],
    );
    await cluster.until(
      "it is listed",
      async () =>
        /Scheduled restart/.test(await ctl(cluster, "list", "batman")),
    );
    const ours = await commandLine(cluster.member("n2"), ["list", "batman"]);
    assert.match(ours.text, /Scheduled restart/);
    await ctl(cluster, "flush", "batman", "n3", "restart", "--force");
    await cluster.until(
      "it is gone",
      async () =>
        !/Scheduled restart/.test(await ctl(cluster, "list", "batman")),
    );
  });
}

async function removes({ t, cluster }: Scene): Promise<void> {
  await step(t, "demote-cluster and promote-cluster", async () => {
    await ctl(
      ...[cluster, "demote-cluster", "batman", "--force"] as const,
      ...["--host", "127.0.0.1", "--port", "1"],
    );
    const list = await ctl(cluster, "list", "batman");
    assert.match(list, /Standby Leader/);
    const text = await ctl(cluster, "promote-cluster", "batman", "--force");
    assert.match(text, /promoted|running as/i);
    await cluster.untilLeader();
  });
}

async function listed(
  cluster: AgentCluster,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return JSON.parse(await ctl(cluster, "list", "batman", "-f", "json"));
}

function otherThan(cluster: AgentCluster, name: string): string {
  const others: readonly AgentMember[] = cluster.others(name);
  return others.map((member) => member.name).sort().at(-1) ?? "";
}
