/**
 * Whose turn it is to be down for a moment: one member after the other is
 * restarted or defragmented, by a key of etcd that hangs on a lease.
 */
import { Buffer } from "node:buffer";
import type { EtcdTurns } from "../../ports/etcd_member.ts";
import { EtcdGateway, type GatewayTls } from "./gateway.ts";
import { record, text } from "./wire.ts";

/** A change needs a majority, which may be electing a leader. */
const CALL_MS = 10_000;
/** Longer than a defragmentation may take: who has its turn keeps it. */
const TURN_S = 310;
const TURN_KEY = Buffer.from("/matriarch/etcd/defragmenting")
  .toString("base64");

/** Turns by etcd's own keys. */
export class EtcdTurnsHttp implements EtcdTurns {
  readonly #gateway: EtcdGateway;

  constructor(tls: GatewayTls) {
    this.#gateway = new EtcdGateway(tls);
  }

  async inTurn(
    endpoint: string,
    work: () => Promise<void>,
  ): Promise<boolean> {
    const lease = await this.#take(endpoint);
    if (lease === null) return false;
    try {
      await work();
      return true;
    } finally {
      // A member that does not answer now lets the lease expire.
      await this.#revoke(endpoint, lease).catch(() => {});
    }
  }

  /** The lease of the turn; null: somebody else has it. */
  async #take(endpoint: string): Promise<string | null> {
    const granted = await this.#call(
      endpoint,
      "lease/grant",
      { TTL: String(TURN_S) },
    );
    const lease = text(record(granted)["ID"]);
    const answer = await this.#call(endpoint, "kv/txn", {
      compare: [{ key: TURN_KEY, target: "CREATE", create_revision: "0" }],
      success: [{ request_put: { key: TURN_KEY, value: TURN_KEY, lease } }],
    });
    if (record(answer)["succeeded"] === true) return lease;
    await this.#revoke(endpoint, lease);
    return null;
  }

  async #revoke(endpoint: string, lease: string): Promise<void> {
    await this.#call(endpoint, "lease/revoke", { ID: lease });
  }

  async #call(endpoint: string, path: string, body: unknown): Promise<unknown> {
    return await this.#gateway.call(endpoint, path, {
      body,
      timeoutMs: CALL_MS,
    });
  }
}
