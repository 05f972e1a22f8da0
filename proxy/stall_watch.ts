/**
 * Notices that the leader may be gone before the store's watch says so: clients
 * wait for its answer, or for a way to it, and for a second nobody got anything.
 * The watch may hang at the etcd of the same lost or frozen host, which brings
 * nothing for seconds, so the store is asked. That costs one question and nothing
 * else: a long query looks the same, and is asked about more and more seldom.
 */
import { type Backend, backendKey } from "../lib/core/model/routes.ts";
import type { Dcs } from "../lib/ports/dcs.ts";
import type { Ledger } from "./ledger.ts";
import { clientsOf } from "./stats_view.ts";

/** Looks between two questions, while nothing moves. */
const LOOKS_MAX = 30;

/** What it looks at, and who is asked. */
interface StallParts {
  readonly ledger: Ledger;
  readonly dcs: Pick<Dcs, "takeHint">;
}

/** What one look shows. */
interface Look {
  readonly isSomebodyWaiting: boolean;
  /** Of the leader; 0: there is none. */
  readonly bytesReceived: number;
}

const NOBODY: Look = { isSomebodyWaiting: false, bytesReceived: 0 };

/** Looks at the clients of the read-write port, once in a second. */
export class StallWatch {
  readonly #parts: StallParts;
  #before = NOBODY;
  /** Looks in a row that showed a stall. */
  #stalled = 0;
  #askAt = 1;

  constructor(parts: StallParts) {
    this.#parts = parts;
  }

  /** @param primary Where new writers go; null: nowhere. */
  look(primary: Backend | null): void {
    const now = this.#take(primary);
    const before = this.#before;
    this.#before = now;
    const isStalled = before.isSomebodyWaiting && now.isSomebodyWaiting &&
      before.bytesReceived === now.bytesReceived;
    if (!isStalled) {
      this.#stalled = 0;
      this.#askAt = 1;
      return;
    }
    this.#stalled += 1;
    if (this.#stalled < this.#askAt) return;
    this.#askAt = this.#stalled + Math.min(this.#stalled, LOOKS_MAX);
    this.#parts.dcs.takeHint?.({ kind: "suspicion" });
  }

  #take(primary: Backend | null): Look {
    const { ledger } = this.#parts;
    if (ledger.sums.inside("primary") === 0) return NOBODY;
    const key = primary === null ? null : backendKey(primary);
    const own = ledger.sums.backends().find(({ route, backend }) =>
      route === "primary" && backendKey(backend) === key
    );
    const { held } = clientsOf(ledger, ["primary"]);
    return {
      isSomebodyWaiting: held + (own?.waiting ?? 0) > 0,
      bytesReceived: own?.bytesReceived ?? 0,
    };
  }
}
