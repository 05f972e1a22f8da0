/** The memory twin of a pledge: the record beside the data, and the closed source. */
import { lsn } from "../../../lib/core/base/units.ts";
import type { PledgeRecord } from "../../../lib/core/model/pledge.ts";
import { PostgresError } from "../../../lib/ports/errors.ts";
import type {
  ClosedSource,
  PostgresPledge,
} from "../../../lib/ports/postgres.ts";
import type { Instance } from "../world/instance.ts";
import type { Bridge } from "./bridge.ts";

/** Writing and syncing a file. */
const WRITE_MS = 8;
/** Two looks, 200 ms apart. */
const PROOF_MS = 300;

/** A record, and the disk that it lies on. */
export interface KeptRecord {
  readonly record: PledgeRecord;
  readonly disk: number;
}

/** What it works with; `records` outlives the agent. */
export interface PledgeParts {
  readonly bridge: Bridge;
  readonly records: Map<string, KeptRecord>;
}

/** One agent's hold on the pledge of its instance. */
export class MemoryPledge implements PostgresPledge {
  readonly #instance: Instance;
  readonly #bridge: Bridge;
  readonly #records: Map<string, KeptRecord>;

  constructor(instance: Instance, parts: PledgeParts) {
    this.#instance = instance;
    this.#bridge = parts.bridge;
    this.#records = parts.records;
  }

  async readRecord(): Promise<PledgeRecord> {
    await this.#bridge.sleep(1);
    return this.#kept;
  }

  async writeRecord(record: PledgeRecord): Promise<void> {
    await this.#bridge.sleep(WRITE_MS);
    const { name, disk } = this.#instance;
    this.#records.set(name, { record, disk });
  }

  /** What the adapter does before data is copied, rewound or removed. */
  expectOtherData(): void {
    const { kind } = this.#kept;
    if (kind === "pledged") throw new PostgresError("This member has pledged");
    const { name, disk } = this.#instance;
    if (kind !== "none") return;
    this.#records.set(name, { record: { kind: "behind" }, disk });
  }

  async closeSource(): Promise<ClosedSource> {
    const { pid, replication } = this.#instance;
    if (!this.#instance.isStandbyRunning) return open("not_running");
    replication.follow(null);
    await this.#bridge.sleep(PROOF_MS);
    const { data, isStandbyRunning } = this.#instance;
    const isSame = isStandbyRunning && this.#instance.pid === pid;
    if (!isSame || data === null) return open("not_running");
    if (replication.isStreaming) return open("receiver_stays");
    const { branch: { timeline }, lsn: end } = data.point;
    return { kind: "closed", position: { timeline, lsn: lsn(end) } };
  }

  get #kept(): PledgeRecord {
    const { name, disk } = this.#instance;
    const kept = this.#records.get(name);
    return kept?.disk === disk ? kept.record : { kind: "missing" };
  }
}

function open(
  reason: Extract<ClosedSource, { kind: "open" }>["reason"],
): ClosedSource {
  return { kind: "open", reason };
}
