/** The remaining ports of a real agent in a simulated world. */
import type { SessionId } from "../../../lib/core/base/units.ts";
import type {
  FailsafeAnswer,
  FailsafeMember,
  FailsafePing,
  LastConsent,
} from "../../../lib/core/model/failsafe.ts";
import type { Member } from "../../../lib/core/model/member.ts";
import type { PeerAnswer } from "../../../lib/core/model/peer_view.ts";
import type { Callbacks } from "../../../lib/ports/callbacks.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsLimits,
  DcsListener,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../../lib/ports/dcs.ts";
import type { Log } from "../../../lib/ports/log.ts";
import type { ConsentRecord } from "../../../lib/ports/consents.ts";
import type { FailsafeConsent } from "../../../lib/ports/agent_api.ts";
import type { FailsafeCall, Peers } from "../../../lib/ports/peers.ts";
import type { MemoryDcs } from "../dcs_memory.ts";
import { peerAnswer } from "../world/instance_view.ts";
import type { World } from "../world/world.ts";
import type { Bridge } from "./bridge.ts";

const PEER_TIMEOUT_MS = 2_000;

/** The memory store as a process sees it that may freeze in the middle of a call. */
export class BridgedDcs implements Dcs {
  readonly #world: World;
  readonly #inner: MemoryDcs;
  readonly #bridge: Bridge;

  constructor(world: World, inner: MemoryDcs, bridge: Bridge) {
    this.#world = world;
    this.#inner = inner;
    this.#bridge = bridge;
  }

  get capabilities(): DcsCapabilities {
    return this.#inner.capabilities;
  }

  read(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#call(() => this.#inner.read(limits));
  }

  readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#call(() => this.#inner.readFresh(limits));
  }

  write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    return this.#call(() => this.#inner.write(write, limits));
  }

  removeScope(limits: DcsLimits): Promise<void> {
    return this.#call(() => this.#inner.removeScope(limits));
  }

  openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    return this.#call(() => this.#inner.openSession(ttlMs, limits), "lease");
  }

  renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    return this.#call(() => this.#inner.renewSession(id, limits), "lease");
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#inner.watch({
      onChange: (change) => this.#bridge.enter(() => listener.onChange(change)),
      onReset: () => this.#bridge.enter(() => listener.onReset()),
    }, signal);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #call<T>(
    call: () => Promise<T>,
    kind: "lease" | "other" = "other",
  ): Promise<T> {
    const { faults } = this.#inner;
    faults.requestDelayMs = this.#world.callDelayMs();
    faults.answerDelayMs = this.#world.callDelayMs();
    const answer = call();
    this.#world.callBegan(this.#bridge.host.name, kind);
    return this.#bridge.gate(answer);
  }
}

/** What a member wrote down beside its data; a dead agent's successor finds it. */
export class MemoryConsents implements ConsentRecord {
  readonly #records: Map<string, LastConsent>;
  readonly #name: string;

  constructor(records: Map<string, LastConsent>, name: string) {
    this.#records = records;
    this.#name = name;
  }

  load(): Promise<LastConsent | null> {
    return Promise.resolve(this.#records.get(this.#name) ?? null);
  }

  save(consent: LastConsent): Promise<void> {
    this.#records.set(this.#name, consent);
    return Promise.resolve();
  }
}

/** What the agent of that member says to a leader without store; null: there is none. */
export type Accept = (
  name: string,
  ping: FailsafePing,
) => Promise<FailsafeConsent | null>;

/** Asks the other members; who is frozen, dead or cut off is silent. */
export class MemoryPeers implements Peers {
  readonly #world: World;
  readonly #bridge: Bridge;
  readonly #accept: Accept;

  constructor(world: World, bridge: Bridge, accept: Accept) {
    this.#world = world;
    this.#bridge = bridge;
    this.#accept = accept;
  }

  askFailsafe(
    members: readonly FailsafeMember[],
    call: FailsafeCall,
  ): Promise<readonly FailsafeAnswer[]> {
    const asker = this.#bridge.host.name;
    return Promise.all(members.map(({ name }) => {
      return this.#askPeer<FailsafeAnswer>(name, {
        timeoutMs: 2 * call.timeoutMs,
        silence: {
          name,
          isAccepted: false,
          isLeading: false,
          position: null,
          detail: "time-out",
        },
        answer: async () => {
          if (!this.#isReachable(asker, name)) return null;
          return failsafeAnswer(name, await this.#accept(name, call.ping));
        },
      });
    }));
  }

  ask(members: readonly Member[]): Promise<readonly PeerAnswer[]> {
    const asker = this.#bridge.host.name;
    return Promise.all(
      members.map(({ name }) =>
        this.#askPeer<PeerAnswer>(name, {
          timeoutMs: PEER_TIMEOUT_MS,
          silence: { kind: "silent", name, detail: "time-out" },
          answer: () => Promise.resolve(peerAnswer(this.#world, asker, name)),
        })
      ),
    );
  }

  isAlive(): Promise<boolean> {
    return Promise.resolve(false);
  }

  #isReachable(asker: string, name: string): boolean {
    return this.#world.site(name)?.host.isAwake === true &&
      this.#world.isLinkOpen(asker, name);
  }

  #askPeer<T>(name: string, call: PeerCall<T>): Promise<T> {
    const { timeline } = this.#world;
    const asker = this.#bridge.host.name;
    return this.#bridge.until<T>((done) => {
      this.#bridge.host.after(call.timeoutMs, () => done(call.silence));
      timeline.after(this.#world.callDelayMs(), async () => {
        const answer = await call.answer();
        if (answer === null) return;
        timeline.after(this.#world.callDelayMs(), () => {
          if (this.#world.isLinkOpen(asker, name)) done(answer);
        });
      });
    });
  }
}

interface PeerCall<T> {
  readonly timeoutMs: number;
  readonly silence: T;
  /** When the request arrives; null: nobody answers. */
  readonly answer: () => Promise<T | null>;
}

function failsafeAnswer(
  name: string,
  consent: FailsafeConsent | null,
): FailsafeAnswer | null {
  if (consent === null) return null;
  return {
    name,
    detail: "",
    isAccepted: consent.kind === "accepted",
    isLeading: consent.kind === "refused" && consent.why === "leading",
    position: consent.kind === "accepted" ? consent.position : null,
  };
}

/** Sends what an agent says to the trace of its world. */
export function traceLog(world: World, name: string): Log {
  const say = (message: string): void => world.note(name, message);
  return {
    debug: () => undefined,
    info: (message, facts) => {
      const rule = facts?.["rule"];
      say(rule === undefined ? message : `${String(rule)} ${message}`);
    },
    warning: (message) => say(`warning: ${message}`),
    error: (message) => say(`ERROR: ${message}`),
    critical: (message) => say(`CRITICAL: ${message}`),
  };
}

/** Programs that nobody runs. */
export const NO_CALLBACKS: Callbacks = {
  fire: () => undefined,
  close: () => Promise.resolve(),
};
