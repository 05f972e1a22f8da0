/**
 * Adds what this proxy's clients felt to the change of leader in the store, as
 * soon as the new leader has written it there. Best effort: a proxy that may not
 * write there serves its clients all the same.
 */
import { decodeClusterView } from "../lib/core/codec/cluster_view_codec.ts";
import {
  decodeFailovers,
  encodeFailovers,
  FAILOVERS_KEY,
} from "../lib/core/codec/failovers_codec.ts";
import { withFelt } from "../lib/core/calc/documents/failovers.ts";
import type { FeltByClients } from "../lib/core/model/failover.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Dcs } from "../lib/ports/dcs.ts";
import { DcsRefusedError } from "../lib/ports/errors.ts";
import type { Log } from "../lib/ports/log.ts";
import { errorText } from "./error_text.ts";
import { StallWatch } from "./stall_watch.ts";
import { type Felt, FeltWatch } from "./felt.ts";
import type { Ledger } from "./ledger.ts";

/** Others write the key, too, and the leader may still be busy. */
const TRIES_MAX = 60;
const PAUSE_MS = 1_000;
/** So that proxies that felt the same do not write at the same moment. */
const SPREAD_MS = 1_000;

/** What is written with. */
interface FeltReportParts {
  readonly clock: Pick<Clock, "sleep">;
  readonly dcs: Pick<Dcs, "read" | "takeHint" | "write">;
  readonly log: Pick<Log, "debug" | "info">;
  readonly dcsTimeoutMs: number;
  /** The member beside the proxy, or its host and port. */
  readonly proxy: () => string;
}

/** What a watch whose reports are written is made of. */
interface ReportedFeltParts extends FeltReportParts {
  readonly clock: Clock;
  readonly ledger: Ledger;
  /** The one that took over tells of its clients, who are all but these. */
  readonly isTold: () => boolean;
  readonly signal: AbortSignal;
}

/**
 * A watch over what clients feel, whose reports are written. Its looks, one in a
 * second while there are clients, serve the watch for stalls as well.
 */
export function reportedFelt(parts: ReportedFeltParts): FeltWatch {
  const report = new FeltReport(parts);
  const stalls = new StallWatch(parts);
  return new FeltWatch({
    ...parts,
    onLook: ({ primary }) => stalls.look(primary),
    onFelt: (felt) => {
      if (parts.isTold()) report.write(felt, parts.signal);
    },
  });
}

/** Writes reports. */
class FeltReport {
  readonly #parts: FeltReportParts;

  constructor(parts: FeltReportParts) {
    this.#parts = parts;
  }

  /** Never rejects; gives up after a minute or two, or with `signal`. */
  async write(felt: Felt, signal: AbortSignal): Promise<void> {
    const { clock, log, proxy } = this.#parts;
    const { termBefore, term, ...rest } = felt;
    // The same leader in the same term was only away for a moment.
    if (term === null || term === termBefore) return;
    const told = { ...rest, proxy: proxy() };
    for (let tries = 0; tries < TRIES_MAX && !signal.aborted; tries++) {
      await clock.sleep(PAUSE_MS + SPREAD_MS * Math.random(), signal);
      if (signal.aborted) return;
      try {
        if (await this.#add(term, told)) return;
      } catch (error) {
        log.debug(`Cannot keep what clients felt: ${errorText(error)}`);
        if (error instanceof DcsRefusedError) return;
      }
    }
  }

  /** False: the change is not there yet, or somebody else has written meanwhile. */
  async #add(term: string, felt: FeltByClients): Promise<boolean> {
    const { dcs, dcsTimeoutMs: timeoutMs } = this.#parts;
    const { failovers } = decodeClusterView(await dcs.read({ timeoutMs }));
    if (failovers === null) return false;
    const records = decodeFailovers(failovers.text);
    const added = withFelt(records, term, felt);
    if (added === null) return records.some((each) => each.term === term);
    const { revision } = failovers;
    const result = await dcs.write({
      when: [{ kind: "revision_is", key: FAILOVERS_KEY, revision }],
      edits: [{
        kind: "put",
        key: FAILOVERS_KEY,
        value: encodeFailovers(added),
        session: null,
      }],
    }, { timeoutMs });
    return result.kind === "done";
  }
}
