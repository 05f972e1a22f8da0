/**
 * The leader key: the record that is put, its signs of life, and with Endpoints
 * the address that clients of the leader's Service go to.
 */
import { after, remainingMs, type Revision } from "../../core/base/units.ts";
import type { JsonObject } from "../../core/codec/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsEdit, DcsLimits, RenewAnswer } from "../../ports/dcs.ts";
import type { SessionId } from "../../core/base/units.ts";
import { DcsRefusedError, SessionGoneError } from "../../ports/errors.ts";
import type { KubeApi } from "./api.ts";
import {
  isLeadingTo,
  leaderSubsets,
  type ObjectChange,
  patchBody,
} from "./bodies.ts";
import { objectKind, objectName } from "./layout.ts";
import type { KubernetesLayout, KubernetesMember } from "./options.ts";
import {
  recordOf,
  renewedRecord,
  Stamps,
  takenRecord,
  termOf,
} from "./record.ts";
import type { ScopeAccess } from "./scope_access.ts";
import type { OwnSession } from "./session.ts";
import type { ScopeState } from "./state.ts";
import type { KubeObject } from "./wire.ts";

/** What the leader key is written with. */
export interface LeaderKeyParts {
  readonly api: KubeApi;
  readonly layout: KubernetesLayout;
  readonly clock: Clock;
  readonly member: KubernetesMember | null;
  readonly access: ScopeAccess;
  readonly state: ScopeState;
  readonly session: OwnSession;
}

type Change = Omit<ObjectChange, "version">;

/** A record that this process may renew. */
interface OwnRecord {
  readonly object: KubeObject;
  readonly change: ObjectChange;
}

/** Knows how the leader key is written. */
export class LeaderKey {
  readonly #parts: LeaderKeyParts;
  readonly #stamps: Stamps;

  constructor(parts: LeaderKeyParts) {
    this.#parts = parts;
    this.#stamps = new Stamps(() => parts.clock.wallTimeMs());
  }

  /**
   * What a put or a deletion changes in the leader's object.
   *
   * @throws {SessionGoneError} If the session cannot carry a key any more.
   */
  async changeOf(
    edit: DcsEdit,
    { object, timeoutMs }: DcsLimits & { readonly object: KubeObject | null },
  ): Promise<Change> {
    const { layout, session } = this.#parts;
    if (edit.kind === "delete") {
      const subsets = layout.hasEndpoints ? { subsets: [] } : {};
      return { annotations: { leader: null }, ...subsets };
    }
    const ttlMs = edit.session === null
      ? session.ttlMs
      : session.ttlOf(edit.session);
    if (ttlMs === null) {
      throw new SessionGoneError(
        `Cannot put "leader": its session is not there any more`,
      );
    }
    const taker = { name: edit.value, ttlMs, now: this.#stamps.next() };
    const annotations = takenRecord(object?.annotations ?? {}, taker);
    const subsets = await this.#subsetsFor(edit.value, { timeoutMs });
    return { annotations, ...(subsets === null ? {} : { subsets }) };
  }

  /** The key hangs on the own session now. */
  bound(term: Revision): void {
    const { session, state } = this.#parts;
    session.bind(term);
    state.hold(term);
  }

  /**
   * A sign of life. Of a session that carries no key only the store's answer is
   * wanted.
   */
  async renew(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    const { access, api, clock, layout, session } = this.#parts;
    const deadline = after(clock.now(), limits.timeoutMs);
    const left = () => ({ timeoutMs: remainingMs(deadline, clock.now()) });
    const what = {
      kind: objectKind(layout),
      name: objectName(layout, "leader"),
    };
    access.look();
    for (let tries = 0;; tries++) {
      // The first time by what is known: every own write has told its version.
      const isAsked = tries > 0 || session.term === null;
      if (isAsked) await access.refresh("leader", left());
      if (session.ttlOf(id) === null) {
        if (isAsked) return "gone";
        continue;
      }
      if (session.term === null) {
        if (isAsked) return "alive";
        continue;
      }
      const own = await this.#renewal(left());
      if (own === null) continue;
      const body = patchBody(layout, own.change);
      const change = { body, how: "patient" } as const;
      const outcome = await api.patch(what, change, left());
      if (outcome.kind !== "done") continue;
      access.take("objects", outcome.object);
      access.look();
      return session.ttlOf(id) === null ? "gone" : "alive";
    }
  }

  /** Null: what is known is not the own term; ask. */
  async #renewal(limits: DcsLimits): Promise<OwnRecord | null> {
    const { session, state } = this.#parts;
    const object = state.object("leader");
    const record = object === null ? null : recordOf(object.annotations);
    if (object === null || record === null) return null;
    if (termOf(record) !== session.term) return null;
    const { ttlMs } = session;
    const now = this.#stamps.next();
    const annotations = renewedRecord(record, {
      name: record.leader,
      ttlMs,
      now,
    });
    const wanted = await this.#subsetsFor(record.leader, limits);
    const isRight = wanted === null || isLeadingTo(object.subsets, wanted);
    const change = {
      annotations,
      version: object.version,
      ...(isRight ? {} : { subsets: wanted }),
    };
    return { object, change };
  }

  /** Null: the Endpoints are not this process' business. */
  async #subsetsFor(
    name: string,
    limits: DcsLimits,
  ): Promise<readonly JsonObject[] | null> {
    const { access, layout, member, state } = this.#parts;
    if (!layout.hasEndpoints || member?.name !== name) return null;
    if (state.pod(name) === null) await access.refreshPod(name, limits);
    const pod = state.pod(name);
    const ip = member.podIp ?? pod?.podIp ?? null;
    if (pod === null || ip === null) {
      throw new DcsRefusedError(
        `Kubernetes knows no address of the pod "${name}" in the namespace ` +
          `"${layout.namespace}", which use_endpoints needs; set pod_ip`,
      );
    }
    const { namespace } = layout;
    return leaderSubsets({ ip, namespace }, pod, member.ports);
  }
}
