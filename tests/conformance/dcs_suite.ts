/**
 * The promises of the port Dcs, as one suite that every store and the memory
 * twin go through. The simulator is only as honest as this file.
 *
 * Each case has its own scope and its own clients; the store is shared.
 */
import { CONDITION_CASES } from "./dcs_cases_conditions.ts";
import { KEY_CASES } from "./dcs_cases_keys.ts";
import { SESSION_CASES } from "./dcs_cases_sessions.ts";
import { OUTAGE_CASES } from "./dcs_cases_outages.ts";
import { VIP_CASES } from "./dcs_cases_vip.ts";
import { WATCH_CASES } from "./dcs_cases_watch.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";

/** What a case gets. */
export interface CaseContext {
  readonly fixture: DcsFixture;
  /** A client of the case's own scope; closed after the case. */
  connect(): Dcs;
  /** A client of the neighbour scope, whose path begins like the own one. */
  connectNeighbour(): Dcs;
  /** Aborted after the case. */
  readonly signal: AbortSignal;
}

/** One promise. */
export interface DcsCase {
  readonly name: string;
  /** Left out where the store has nothing of the kind; absent: it always runs. */
  readonly canRun?: (fixture: DcsFixture) => boolean;
  readonly run: (context: CaseContext) => Promise<void>;
}

/** How a store is brought to the suite. */
export interface SuiteOptions {
  readonly open: () => Promise<DcsFixture>;
  /** Why the suite cannot run here; null: it can. */
  readonly skipReason: string | null;
}

const CASES: readonly DcsCase[] = [
  ...KEY_CASES,
  ...CONDITION_CASES,
  ...SESSION_CASES,
  ...WATCH_CASES,
  ...OUTAGE_CASES,
  ...VIP_CASES,
];

/** Registers the suite for one store. */
export function dcsSuite(storeName: string, options: SuiteOptions): void {
  const { skipReason } = options;
  Deno.test({
    name: `conformance: ${storeName} keeps the promises of Dcs` +
      (skipReason === null ? "" : ` (skipped: ${skipReason})`),
    ignore: skipReason !== null,
    fn: async (t) => {
      await using fixture = await options.open();
      for (const [index, dcsCase] of CASES.entries()) {
        await t.step({
          name: dcsCase.name,
          ignore: dcsCase.canRun?.(fixture) === false,
          fn: () => runCase(fixture, dcsCase, index),
        });
      }
    },
  });
}

async function runCase(
  fixture: DcsFixture,
  dcsCase: DcsCase,
  index: number,
): Promise<void> {
  const clients: Dcs[] = [];
  const ending = new AbortController();
  const connectTo = (path: string): Dcs => {
    const dcs = fixture.connect(path);
    clients.push(dcs);
    return dcs;
  };
  try {
    await dcsCase.run({
      fixture,
      connect: () => connectTo(`/service/case${index}`),
      connectNeighbour: () => connectTo(`/service/case${index}b`),
      signal: ending.signal,
    });
  } finally {
    ending.abort();
    for (const dcs of clients) await dcs.close();
  }
}
