/**
 * Lets happen what the seed's plan allows: each kind of fault at random moments
 * of its own, each ended after a while, all ended by {@link heal}.
 */
import { mayLoseData } from "./data_loss.ts";
import type { Fault } from "./plan.ts";
import { interruptRemote } from "./remote.ts";
import type { Rng } from "./rng.ts";
import { type Site, STORE, type World } from "./world.ts";

/** Plans the faults of the safety phase. */
export function planFaults(world: World): void {
  for (const fault of world.plan.faults) {
    const rng = world.rng(`fault ${fault}`);
    scheduleNext(world, fault, rng);
  }
}

function scheduleNext(world: World, fault: Fault, rng: Rng): void {
  const waitMs = -Math.log(1 - rng.next()) * world.plan.faultEveryMs;
  world.timeline.after(1_000 + waitMs, () => {
    if (world.isHealed) return;
    inflict(world, fault, rng);
    scheduleNext(world, fault, rng);
  });
}

/** Ends every fault. */
export function heal(world: World): void {
  world.isHealed = true;
  if (world.isPaused) setPause(world, "off");
  world.isSlow = false;
  world.note("world", "healed");
  world.openAllLinks();
  for (const { name, host, instance } of world.sites) {
    instance.isHung = false;
    host.thaw();
    if (!host.isAgentUp) world.driver.startAgent(name);
  }
}

function inflict(world: World, fault: Fault, rng: Rng): void {
  const site = choose(world, rng);
  const { host, instance, name } = site;
  switch (fault) {
    case "freeze": {
      const ms = rng.int(500, 50_000);
      if (!rng.chance(0.5)) return world.freeze(name, ms);
      // Half of them for longer than a lease.
      const leaseMs = rng.chance(0.5) ? world.plan.settings.ttlMs : 0;
      return world.ambush(name, leaseMs + ms);
    }
    case "agent_kill":
      return killAgent(world, site, () => rng.int(500, 60_000));
    case "agent_stop":
      if (!host.isAwake) return;
      world.note(name, "agent is told to stop");
      return world.driver.stopAgent(name);
    case "postgres_kill":
      return instance.kill();
    case "postgres_hang":
      instance.isHung = instance.run === "running";
      return until(world, {
        ms: rng.int(1_000, 20_000),
        who: name,
        what: "hung",
      }, () => {
        instance.isHung = false;
      });
    case "member_kill":
      killAgent(world, site, () => rng.int(500, 60_000));
      return instance.kill();
    case "store_cut":
      return cut(world, [[name, STORE]], rng.int(500, 60_000));
    case "peer_cut":
      return cut(world, peerLinks(world, site, rng), rng.int(500, 60_000));
    case "host_cut":
      return cutHost(world, rng);
    case "store_outage":
      return cut(
        world,
        world.sites.map((s) => [s.name, STORE]),
        rng.int(500, 60_000),
      );
    case "slow_calls":
      world.isSlow = true;
      return until(world, {
        ms: rng.int(2_000, 60_000),
        who: "world",
        what: "slow",
      }, () => {
        world.isSlow = false;
      });
    case "switchover": {
      const candidate = rng.chance(0.6) ? rng.pick(world.sites).name : null;
      return world.driver.switchOver(candidate);
    }
    case "restart":
      return world.driver.restart(name);
    case "pause":
      if (world.isPaused) return;
      setPause(world, "on");
      return until(world, {
        ms: rng.int(5_000, 60_000),
        who: "ops",
        what: "in pause",
      }, () => setPause(world, "off"));
    case "scheduled_switchover":
      return world.driver.switchOver(null, rng.int(2_000, 30_000));
    case "scheduled_restart":
      return world.driver.scheduleRestart(name, rng.int(2_000, 30_000));
    case "reinitialize":
      return world.driver.reinitialize(name);
    case "watchdog":
      return world.driver.breakWatchdog(name, rng.int(2_000, 30_000));
    case "data_loss":
      if (mayLoseData(world, site)) instance.loseData();
      return;
    case "siege":
      return besiege(world, rng);
    case "remote_outage":
      if (world.remote !== null) {
        interruptRemote(world, world.remote, rng.int(1_000, 30_000));
      }
      return;
    case "blocked_replay":
      if (instance.isStandbyRunning) instance.isReplayBlocked = true;
      return;
    case "broken_copy":
    case "pre_promote":
    case "slow_postgres":
    case "failing_postgres":
    case "drift":
      return;
  }
}

/**
 * The leader loses the store for longer than its lease. By then it lives by
 * consents, and one of those who agreed loses the leader, and is started again.
 */
function besiege(world: World, rng: Rng): void {
  const leader = world.driver.leader();
  const others = world.sites.filter(({ name }) => name !== leader);
  if (leader === null || others.length === world.sites.length) return;
  const { ttlMs } = world.plan.settings;
  // Only who may lead next is worth it.
  const heirs = world.driver.syncKey()?.standbys ?? [];
  const inSync = others.filter(({ name }) => heirs.includes(name));
  const member = rng.pick(inSync.length > 0 ? inSync : others);
  cut(world, [[leader, STORE]], ttlMs + rng.int(0, 40_000));
  world.timeline.after(rng.int(ttlMs * 0.7, ttlMs + 10_000), () => {
    if (world.isHealed) return;
    cut(world, [[leader, member.name]], rng.int(5_000, 30_000));
    killAgent(world, member, () => rng.int(100, 3_000));
  });
}

function setPause(world: World, state: "on" | "off"): void {
  world.isPaused = state === "on";
  world.resumedAt = world.timeline.now;
  world.driver.settingsChanged();
}

/** The leader is hit more often than its share. */
function choose(world: World, rng: Rng): Site {
  const leader = world.driver.leader();
  const site = leader === null ? null : world.site(leader);
  return site !== null && rng.chance(0.4) ? site : rng.pick(world.sites);
}

/** @param ms Until it is started again. */
function killAgent(world: World, site: Site, ms: () => number): void {
  const { name, host } = site;
  if (!host.isAgentUp) return;
  world.note(name, "agent is killed");
  if (world.plan.faults.has("broken_copy")) site.instance.interruptCopy();
  world.driver.killAgent(name);
  world.timeline.after(ms(), () => {
    if (!host.isAgentUp) world.driver.startAgent(name);
  });
}

/** Mostly the leader's, and mostly whole: without some of the links others see it differently. */
function cutHost(world: World, rng: Rng): void {
  const leader = world.site(world.driver.leader() ?? "");
  const site = leader !== null && rng.chance(0.8)
    ? leader
    : rng.pick(world.sites);
  const others = world.sites.filter((other) => other !== site);
  const all = [STORE, ...others.map(({ name }) => name)];
  const isWhole = rng.chance(0.7);
  const lost = all.filter(() => isWhole || rng.chance(0.7));
  const links = lost.map((other): Link => [site.name, other]);
  // The voters come back to a leader that still cannot hear of their pledges.
  const peers = links.filter(([, other]) => other !== STORE);
  if (rng.chance(0.4)) {
    cut(world, [[site.name, STORE]], rng.int(5_000, 20_000));
    return cut(world, peers, rng.int(1_600, 3_500));
  }
  // Stalls that are just answered in time, or not, and losses that last.
  const ms = rng.chance(0.6) ? rng.int(1_000, 4_500) : rng.int(4_500, 60_000);
  cut(world, links, ms);
}

type Link = readonly [string, string];

function peerLinks(world: World, site: Site, rng: Rng): readonly Link[] {
  const others = world.sites.filter((other) => other !== site);
  const links = others.map((other): Link => [site.name, other.name]);
  return rng.chance(0.5) ? links : [rng.pick(links)];
}

function cut(world: World, links: readonly Link[], ms: number): void {
  const text = links.map((link) => link.join("-")).join(" ");
  for (const [a, b] of links) world.setLink(a, b, "closed");
  until(world, { ms, who: "net", what: `cut ${text}` }, () => {
    for (const [a, b] of links) world.setLink(a, b, "open");
  });
}

function until(
  world: World,
  fault: { readonly ms: number; readonly who: string; readonly what: string },
  end: () => void,
): void {
  const { ms, who, what } = fault;
  world.note(who, `${what} for ${ms} ms`);
  world.timeline.after(ms, () => {
    if (world.isHealed) return;
    world.note(who, `no longer ${what}`);
    end();
  });
}
