/**
 * Sees to it that a container is a member of its cluster's etcd without anybody
 * giving an order: before its agent starts, and while it runs. What to do is
 * `nextContainerStep`'s to say; the agent carries out the orders written here.
 */
import {
  goneContainer,
  nextContainerStep,
} from "../core/calc/etcd_member/container_step.ts";
import { type Moment, moment } from "../core/base/units.ts";
import type {
  ContainerGreeting,
  ContainerObservation,
  ContainerStep,
  VolumeState,
} from "../core/model/container.ts";
import type { EtcdView } from "../core/model/etcd_member.ts";
import type { Clock } from "../ports/clock.ts";
import type { ContainerNeighbours } from "../ports/container.ts";
import type { EtcdAdmin, EtcdFolder } from "../ports/etcd_member.ts";
import type { Log } from "../ports/log.ts";
import { storeClientUrl, storePeerUrl } from "./paths.ts";
import { containerWaitText } from "./texts.ts";
import type { ContainerIdentity } from "./variables.ts";

/** Between two looks before the agent starts. */
const LOOK_MS = 500;
/** Between two looks while it runs. */
const WATCH_MS = 5_000;
/** An added container that is silent for longer has gone. */
const GONE_MS = 60_000;

/** What it works with. */
export interface ContainerKeeperParts {
  readonly identity: ContainerIdentity;
  readonly admin: Pick<EtcdAdmin, "members" | "status" | "remove">;
  readonly folder: Pick<
    EtcdFolder,
    "order" | "setOrder" | "hasData" | "knownEndpoints"
  >;
  readonly neighbours: ContainerNeighbours;
  readonly clock: Clock;
  readonly log: Log;
}

/** Keeps one container's membership. */
export class ContainerKeeper {
  readonly #parts: ContainerKeeperParts;
  /** The last word: nothing is said twice in a row. */
  #said = "";
  /** Since when members have been silent, by id. */
  #silentSince: ReadonlyMap<string, Moment> = new Map();

  constructor(parts: ContainerKeeperParts) {
    this.#parts = parts;
  }

  /** What this container says to the others. */
  async greeting(): Promise<ContainerGreeting> {
    const { cluster, name, founders } = this.#parts.identity;
    return { cluster, name, founders, state: await this.#state() };
  }

  /** Until the agent can take over, or `signal` aborts. Never rejects. */
  async untilReady(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    while (!signal.aborted) {
      const step = await this.#round();
      if (step?.kind === "go") return;
      await clock.sleep(LOOK_MS, signal);
    }
  }

  /** Beside the agent, until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    while (!signal.aborted) {
      await clock.sleep(WATCH_MS, signal);
      if (signal.aborted) return;
      await this.#round();
      await this.#tell(() => this.#removeGone());
    }
  }

  /** An added container that ends takes its vote with it; founders keep theirs. Never rejects. */
  async leave(): Promise<void> {
    const { identity: { name, founders } } = this.#parts;
    if (founders.includes(name)) return;
    await this.#tell(async () => {
      const order = await this.#parts.folder.order();
      if (order?.kind !== "member") return;
      await this.#remove(order.memberId);
      this.#parts.log.info("etcd: this container's member has left");
    });
  }

  async #state(): Promise<VolumeState> {
    const { folder } = this.#parts;
    const order = await folder.order();
    if (order?.kind === "found") return "founding";
    return order === null && !await folder.hasData() ? "empty" : "member";
  }

  /** One look and one step; null: it failed, which was told. */
  async #round(): Promise<ContainerStep | null> {
    return await this.#tell(async () => {
      const step = nextContainerStep(await this.#observe());
      await this.#act(step);
      return step;
    });
  }

  async #observe(): Promise<ContainerObservation> {
    const { identity, folder, neighbours } = this.#parts;
    const { cluster, name, founders } = identity;
    const order = await folder.order();
    const hasData = await folder.hasData();
    const agreed = await this.#agreed();
    const isAsked = order === null && !hasData && agreed === null;
    const others = founders.filter((each) => each !== name);
    const greetings = isAsked
      ? await Promise.all(others.map((each) => neighbours.ask(each)))
      : [];
    return {
      ...{ cluster, founders, order, hasData, agreed },
      self: { name, peerUrl: storePeerUrl(name) },
      alive: hasData || agreed === null ? [] : await this.#alive(agreed),
      greetings: greetings.filter((each) => each !== null),
    };
  }

  async #act(step: ContainerStep): Promise<void> {
    const { folder, identity, log } = this.#parts;
    switch (step.kind) {
      case "go":
        return;
      case "wait":
        return this.#say(containerWaitText(step.what));
      case "found": {
        const members = identity.founders.map((name) => ({
          ...{ name, peerUrl: storePeerUrl(name) },
          clientUrl: storeClientUrl(name),
        }));
        log.info(`etcd: founding it with ${identity.founders.join(", ")}`);
        return await folder.setOrder({ kind: "found", members });
      }
      case "join":
      case "rejoin":
        log.info("etcd: joining the cluster that there is");
        return await folder.setOrder({
          kind: step.kind,
          through: await this.#endpoints(),
        });
      case "remove":
        log.warning(
          "etcd: this container's volume was lost; taking the member out " +
            "whose data were there, to come in as a new one",
        );
        return await this.#remove(step.memberId);
    }
  }

  /** Client addresses of the others. */
  async #endpoints(): Promise<readonly string[]> {
    const { identity: { name, founders }, folder } = this.#parts;
    const known = await folder.knownEndpoints();
    return [...new Set([...founders.map(storeClientUrl), ...known])]
      .filter((endpoint) => endpoint !== storeClientUrl(name));
  }

  async #agreed(): Promise<EtcdView | null> {
    const { admin } = this.#parts;
    const views = await Promise.all(
      (await this.#endpoints()).map((endpoint) =>
        admin.members(endpoint, "agreed").catch(() => null)
      ),
    );
    return views.find((view) => view !== null) ?? null;
  }

  async #alive({ members }: EtcdView): Promise<readonly string[]> {
    const { admin } = this.#parts;
    const answers = await Promise.all(
      members.flatMap(({ clientUrls }) => clientUrls)
        .map((url) => admin.status(url).catch(() => null)),
    );
    return answers.flatMap((each) => each === null ? [] : [each.memberId]);
  }

  /** By the first of the others that does it. */
  async #remove(memberId: string): Promise<void> {
    const { admin } = this.#parts;
    const failures: string[] = [];
    for (const endpoint of await this.#endpoints()) {
      try {
        return await admin.remove(endpoint, memberId);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    throw new Error(failures.join("; "));
  }

  /** Only etcd's leader does: one is enough. */
  async #removeGone(): Promise<void> {
    const { admin, clock, identity, log } = this.#parts;
    const own = await admin.status(storeClientUrl(identity.name))
      .catch(() => null);
    if (own === null || own.leaderId !== own.memberId) {
      this.#silentSince = new Map();
      return;
    }
    const agreed = await admin.members(storeClientUrl(identity.name), "agreed");
    const alive = await this.#alive(agreed);
    const now = clock.now();
    this.#silentSince = new Map(
      agreed.members.filter(({ id }) => !alive.includes(id))
        .map(({ id }) => [id, this.#silentSince.get(id) ?? moment(now)]),
    );
    const silent = [...this.#silentSince].flatMap(([id, since]) =>
      now - since >= GONE_MS ? [id] : []
    );
    const gone = goneContainer(agreed, identity.founders, silent);
    if (gone === null) return;
    await admin.remove(storeClientUrl(identity.name), gone.id);
    log.warning(
      `etcd: ${gone.name} is none of MATRIARCH_PEERS and has been silent for ` +
        `${GONE_MS / 1000} s, so it votes no more; it comes in anew by itself`,
    );
  }

  async #tell<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      this.#say(`etcd: ${messageOf(error)}`);
      return null;
    }
  }

  #say(text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    this.#parts.log.warning(text);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
