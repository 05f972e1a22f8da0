/**
 * Goal: the unit in docs/safety.md does what that page says, under a real
 * systemd: it is the last resort when the agent, or agent and proxy, hang or die.
 *
 * Method: the unit as it is printed, with the paths of a test member.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { isAlive, pidsWith, signalTo } from "../helpers/own_processes.ts";
import { noSystemd, Systemd } from "../helpers/systemd.ts";

const SAFETY = new URL("../../docs/safety.md", import.meta.url);
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const UNIT = "matriarch.service";
const USER = "postgres";

const why = noSystemd();
if (why !== null && Deno.env.get("CI") !== undefined) throw new Error(why);
if (why !== null) console.log(`The unit is not tried: ${why}`);

/** The unit as printed. */
async function printedUnit(): Promise<string> {
  const text = await Deno.readTextFile(SAFETY);
  return /```ini\n(\[Unit\][\s\S]*?)```/.exec(text)?.[1] ??
    assert.fail("docs/safety.md has no unit");
}

/** The same for a member under test. */
async function writeUnit(cluster: AgentCluster): Promise<void> {
  const { directory } = cluster;
  const member = cluster.member("n1");
  const program = `${directory}/matriarch`;
  await Deno.writeTextFile(
    program,
    `#!/bin/sh\nexport HOME=${directory} DENO_DIR=${directory}/deno\n` +
      `exec ${Deno.execPath()} run --allow-all --no-check --quiet ` +
      `--node-modules-dir=manual --frozen ${MAIN} "$@"\n`,
    { mode: 0o755 },
  );
  const unit = (await printedUnit())
    .replaceAll("/usr/local/bin/matriarch", program)
    .replaceAll("/etc/matriarch/matriarch.yml", member.configPath)
    .replace(
      "[Service]",
      `[Service]\nStandardOutput=append:${directory}/log\n` +
        "StandardError=inherit\nPrivateTmp=no",
    )
    .replace("[Unit]", "[Unit]\nDefaultDependencies=no");
  await Deno.mkdir(`${directory}/units`);
  await Deno.writeTextFile(`${directory}/units/${UNIT}`, unit);
  await Deno.writeTextFile(
    `${directory}/units/test.target`,
    "[Unit]\nDescription=Nothing yet\n",
  );
}

/** What one member looks like from outside of its namespaces. */
class Host {
  readonly cluster: AgentCluster;
  readonly member: AgentMember;
  readonly systemd: Systemd;

  constructor(cluster: AgentCluster, systemd: Systemd) {
    this.cluster = cluster;
    this.member = cluster.member("n1");
    this.systemd = systemd;
  }

  log(): string {
    return Deno.readTextFileSync(`${this.cluster.directory}/log`);
  }

  async until(
    what: string,
    look: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!await look()) {
      if (performance.now() > deadline) {
        const lines = this.log().split("\n").slice(-60).join("\n");
        const path = `${this.cluster.directory}/console`;
        const console = Deno.readTextFileSync(path).slice(-3000);
        assert.fail(`Never happened: ${what}\n${lines}\n${console}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async untilLeading(): Promise<void> {
    await this.until("it leads and the fence watches", async () => {
      const status = await this.member.status();
      const isLeader = status?.["role"] === "primary" &&
        status["state"] === "running";
      return isLeader && await this.#fence() === "watching";
    });
  }

  async #fence(): Promise<string> {
    try {
      const port = this.member.place.proxyPorts?.stats;
      const response = await fetch(`http://127.0.0.1:${port}/stats`);
      return (await response.json()).fence?.state;
    } catch {
      return "no proxy";
    }
  }

  async restarts(): Promise<number> {
    return Number(await this.systemd.property(UNIT, "NRestarts"));
  }

  /** Process ids as the host has them. */
  pids(word: "run" | "proxy"): readonly number[] {
    return pidsWith(`${MAIN} ${word} ${this.member.configPath}`);
  }

  postmasters(): readonly number[] {
    return pidsWith(`--config-file=${this.member.dataDir}`);
  }
}

Deno.test({
  name: "the unit under a real systemd",
  ignore: why !== null,
  fn: async (t) => {
    await using cluster = await AgentCluster.create({
      members: 1,
      hasProxies: true,
      bootstrapDcs: { ttl: 30, loop_wait: 2, retry_timeout: 10 },
      // On a slow machine a restarted agent takes longer than the usual 5 s.
      change: (config) => ({
        ...config,
        proxy: { ...sectionOf(config, "proxy"), agent_grace: 25 },
      }),
    });
    const { directory } = cluster;
    const member = cluster.member("n1");
    await Deno.mkdir(member.place.directory, { recursive: true });
    await Deno.writeTextFile(member.configPath, JSON.stringify(member.config));
    await writeUnit(cluster);
    await own(directory);
    await verified(t, `${directory}/units/${UNIT}`);
    await using systemd = await Systemd.boot(directory);
    const host = new Host(cluster, systemd);
    await started(t, host);
    await frozenAgent(t, host);
    await bothKilled(t, host);
    await bothHang(t, host);
    await stopped(t, host);
  },
});

async function own(directory: string): Promise<void> {
  const { code } = await new Deno.Command("chown", {
    args: ["-R", USER, directory],
  }).output();
  assert.equal(code, 0);
}

async function verified(t: Deno.TestContext, path: string): Promise<void> {
  await step(t, "systemd-analyze has nothing to say", async () => {
    const { code, stderr } = await new Deno.Command("systemd-analyze", {
      args: ["verify", path],
    }).output();
    const text = new TextDecoder().decode(stderr).split("\n")
      .filter((line) => line.includes(UNIT)).join("\n");
    assert.deepEqual([code, text], [0, ""]);
  });
}

async function started(t: Deno.TestContext, host: Host): Promise<void> {
  await step(t, "it starts and leads", async () => {
    await host.systemd.must("start", UNIT);
    assert.equal(await host.systemd.property(UNIT, "SubState"), "running");
    await host.untilLeading();
    assert.doesNotMatch(host.log(), /WatchdogSec is/);
  });
}

async function frozenAgent(t: Deno.TestContext, host: Host): Promise<void> {
  await step(t, "a frozen agent is restarted and adopts", async () => {
    const postmasters = host.postmasters();
    const [agent = 0] = host.pids("run");
    assert.equal(await host.restarts(), 0);
    signalTo(agent, "SIGSTOP");
    await host.until(
      "it is restarted",
      async () => await host.restarts() === 1,
    );
    await host.untilLeading();
    assert.deepEqual(host.postmasters(), postmasters);
    assert.match(
      host.log(),
      /fence-stop: nothing to do, the fence .* on guard/,
    );
    assert.doesNotMatch(host.log(), /fencing the local primary/);
  });
}

async function bothKilled(t: Deno.TestContext, host: Host): Promise<void> {
  await step(t, "agent and proxy killed: PostgreSQL is stopped", async () => {
    const [postmaster = 0] = host.postmasters();
    const [agent = 0] = host.pids("run");
    for (const pid of [...host.pids("proxy"), agent]) signalTo(pid, "SIGKILL");
    await host.until("PostgreSQL is stopped", () => !isAlive(postmaster));
    assert.match(host.log(), /fence-stop: stopping an unguarded primary/);
    await host.until(
      "it is restarted",
      async () => await host.restarts() === 2,
    );
    await host.untilLeading();
  });
}

async function bothHang(t: Deno.TestContext, host: Host): Promise<void> {
  await step(t, "agent and proxy frozen: PostgreSQL is stopped", async () => {
    const [postmaster = 0] = host.postmasters();
    const proxies = host.pids("proxy");
    for (const pid of [...proxies, ...host.pids("run")]) {
      signalTo(pid, "SIGSTOP");
    }
    await host.until("PostgreSQL is stopped", () => !isAlive(postmaster));
    for (const pid of proxies) signalTo(pid, "SIGCONT");
    await host.until(
      "it is restarted",
      async () => await host.restarts() === 3,
    );
    await host.untilLeading();
  });
}

async function stopped(t: Deno.TestContext, host: Host): Promise<void> {
  await step(t, "an orderly stop stops PostgreSQL", async () => {
    await host.systemd.must("stop", UNIT);
    assert.deepEqual(host.postmasters(), []);
    assert.equal(await host.systemd.property(UNIT, "Result"), "success");
    assert.match(host.log(), /fence-stop: nothing to do, PostgreSQL does not/);
  });
}
