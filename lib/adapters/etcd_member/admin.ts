/** The administration of etcd by its JSON gateway. */
import type { EtcdAdmin, EtcdListing } from "../../ports/etcd_member.ts";
import type { EtcdStatus, EtcdView } from "../../core/model/etcd_member.ts";
import { EtcdGateway, type GatewayTls } from "./gateway.ts";
import { saveSnapshot } from "./snapshot_stream.ts";
import { decodeFull, decodeStatus, decodeView } from "./wire.ts";

/** A member that is asked often. */
const LOOK_MS = 2_000;
/** A change needs a majority, which may be electing a leader. */
const CHANGE_MS = 10_000;
/** Refusals of a change that has been made; source: etcd 3.5, `rpctypes/error.go`. */
const ALREADY_ADDED = /Peer URLs already exists|member ID already exist/;
const HAS_A_VOTE = /can only promote a learner member$/;
const IS_GONE = /member not found/;
/** Gigabytes on a slow disk. */
const LONG_MS = 300_000;

/** Asks etcd's members. */
export class EtcdAdminHttp implements EtcdAdmin {
  readonly #gateway: EtcdGateway;

  constructor(tls: GatewayTls) {
    this.#gateway = new EtcdGateway(tls);
  }

  async status(endpoint: string): Promise<EtcdStatus> {
    return decodeStatus(
      await this.#call(endpoint, "maintenance/status", {}, LOOK_MS),
    );
  }

  async members(endpoint: string, listing: EtcdListing): Promise<EtcdView> {
    const body = { linearizable: listing === "agreed" };
    return decodeView(
      await this.#call(endpoint, "cluster/member/list", body, LOOK_MS),
    );
  }

  async addLearner(endpoint: string, peerUrl: string): Promise<void> {
    const body = { peerURLs: [peerUrl], isLearner: true };
    await this.#change(endpoint, "cluster/member/add", body, ALREADY_ADDED);
  }

  async promote(endpoint: string, memberId: string): Promise<void> {
    const body = { ID: memberId };
    await this.#change(endpoint, "cluster/member/promote", body, HAS_A_VOTE);
  }

  async remove(endpoint: string, memberId: string): Promise<void> {
    const body = { ID: memberId };
    await this.#change(endpoint, "cluster/member/remove", body, IS_GONE);
  }

  async full(endpoint: string): Promise<readonly string[]> {
    const body = { action: "GET" };
    return decodeFull(
      await this.#call(endpoint, "maintenance/alarm", body, LOOK_MS),
    );
  }

  async calm(endpoint: string, memberId: string): Promise<void> {
    const body = { action: "DEACTIVATE", memberID: memberId, alarm: "NOSPACE" };
    await this.#call(endpoint, "maintenance/alarm", body, CHANGE_MS);
  }

  async makeRoom(endpoint: string): Promise<void> {
    const { revision } = await this.status(endpoint);
    try {
      const body = { revision: String(revision), physical: true };
      await this.#call(endpoint, "kv/compaction", body, LONG_MS);
    } catch (error) {
      // Another member was first.
      if (!String(error).includes("has been compacted")) throw error;
    }
    await this.#call(endpoint, "maintenance/defragment", {}, LONG_MS);
  }

  async defragment(endpoint: string): Promise<void> {
    await this.#call(endpoint, "maintenance/defragment", {}, LONG_MS);
  }

  async saveSnapshot(endpoint: string, path: string): Promise<void> {
    await this.#gateway.stream(endpoint, "maintenance/snapshot", {
      timeoutMs: LONG_MS,
      take: (bytes) => saveSnapshot(bytes, path),
    });
  }

  /**
   * A change whose answer got lost is asked for again, maybe of another member:
   * the refusal then says that it is done. One that takes itself out may end
   * before it answers.
   */
  async #change(
    ...[endpoint, path, body, whenDone]: readonly [
      string,
      string,
      unknown,
      RegExp,
    ]
  ): Promise<void> {
    try {
      await this.#call(endpoint, path, body, CHANGE_MS);
    } catch (error) {
      if (!whenDone.test(String(error))) throw error;
    }
  }

  #call(
    ...[endpoint, path, body, timeoutMs]: readonly [
      string,
      string,
      unknown,
      number,
    ]
  ): Promise<unknown> {
    return this.#gateway.call(endpoint, path, { body, timeoutMs });
  }
}
