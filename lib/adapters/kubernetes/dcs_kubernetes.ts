/**
 * Port Dcs on Kubernetes: annotations of Endpoints or ConfigMaps, and of pods, in
 * Patroni's layout, so that both can work on one scope.
 *
 * Nobody ends a session here but its observers, and only the leader key hangs on
 * one: a member is there as long as its pod.
 */
import {
  after,
  remainingMs,
  revision,
  type SessionId,
} from "../../core/base/units.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsEntry,
  DcsLimits,
  DcsListener,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../ports/dcs.ts";
import { KubeApi } from "./api.ts";
import { ScopeFeed } from "./feed.ts";
import {
  MEMBER_ANNOTATION,
  memberKey,
  OBJECT_ROLES,
  objectKind,
  objectName,
} from "./layout.ts";
import { LeaderKey } from "./leader_key.ts";
import { MemberKey } from "./member_key.ts";
import type { KubernetesOptions } from "./options.ts";
import { ScopeAccess } from "./scope_access.ts";
import { OwnSession } from "./session.ts";
import { ScopeState } from "./state.ts";
import { ScopeWriter } from "./writer.ts";

const CAPABILITIES: DcsCapabilities = {
  hasTransactions: false,
  mayForget: false,
  isSnapshotAtomic: false,
  expiry: "observers",
  // Records count in whole seconds.
  ttlMinMs: 1000,
};

/** Of a write that left no key; no key has it. */
const DELETED = revision("deleted");

/** The store on Kubernetes. */
export class DcsKubernetes implements Dcs {
  readonly capabilities: DcsCapabilities = CAPABILITIES;
  readonly #options: KubernetesOptions;
  readonly #api: KubeApi;
  readonly #session = new OwnSession();
  readonly #state: ScopeState;
  readonly #access: ScopeAccess;
  readonly #leader: LeaderKey;
  readonly #member: MemberKey;
  readonly #writer: ScopeWriter;
  #shown: DcsSnapshot = { entries: [] };

  constructor(options: KubernetesOptions) {
    const { layout, clock, member } = options;
    const session = this.#session;
    const api = new KubeApi(options);
    const state = new ScopeState({
      layout,
      now: () => clock.now(),
      defaultTtlMs: () => session.ttlMs,
    });
    const feed = new ScopeFeed(state, clock, () => {
      session.note(state.leader);
      state.hold(session.term);
    });
    const access = new ScopeAccess({ api, layout, clock, state, feed });
    const parts = { api, layout, clock, state, access };
    this.#options = options;
    this.#api = api;
    this.#state = state;
    this.#access = access;
    this.#leader = new LeaderKey({ ...parts, member, session });
    this.#member = new MemberKey({ api, layout, member, state });
    this.#writer = new ScopeWriter({
      ...parts,
      ...{ leader: this.#leader, member: this.#member },
    });
  }

  async read(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#show(await this.#access.current(limits));
  }

  async readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#show(await this.#access.fresh(limits));
  }

  async write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    const written = await this.#writer.write(write, limits);
    if (written.kind === "condition_failed") return written;
    const { member } = this.#options;
    const isOwn = member !== null &&
      write.edits.some(({ key }) => key === memberKey(member.name));
    if (isOwn) await this.#member.settleService(limits);
    return {
      kind: "done",
      revision: written.kind === "put" ? written.revision : DELETED,
    };
  }

  /** Pods belong to somebody else; only what they say of the scope goes. */
  async removeScope({ timeoutMs }: DcsLimits): Promise<void> {
    const { layout, clock } = this.#options;
    const deadline = after(clock.now(), timeoutMs);
    const left = () => ({ timeoutMs: remainingMs(deadline, clock.now()) });
    await this.#access.fresh(left());
    for (const role of OBJECT_ROLES) {
      const name = objectName(layout, role);
      await this.#api.remove(objectKind(layout), name, left());
    }
    const annotations = { [MEMBER_ANNOTATION]: null };
    const body = { metadata: { annotations } };
    for (const name of this.#state.part("pods").objects.keys()) {
      const pod = { kind: "pods", name } as const;
      await this.#api.patch(pod, { body, how: "repeatable" }, left());
    }
    await this.#access.fresh(left());
  }

  /** Nothing is stored; but a store that does not answer grants nothing. */
  async openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    await this.#access.refresh("leader", limits);
    return { id: this.#session.open(ttlMs), ttlMs };
  }

  renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    return this.#leader.renew(id, limits);
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#access.watch(listener, signal);
  }

  async close(): Promise<void> {
    this.#api.close();
    await this.#access.close();
  }

  #show(entries: readonly DcsEntry[]): DcsSnapshot {
    if (this.#shown.entries !== entries) this.#shown = { entries };
    return this.#shown;
  }
}
