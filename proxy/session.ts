/**
 * One client from accept to close: finds a backend (waits for one if need be),
 * hands both ends to the data plane, or refuses in PostgreSQL's protocol.
 *
 * Until a backend is connected nothing is answered to the client, so that TLS
 * and authentication are between the client and PostgreSQL alone.
 *
 * Known limit: a cancel request is a connection of its own. On the read-write
 * port it reaches the one primary; on the read-only port it may reach another
 * replica than the session's, which ignores it.
 */
import { after, type Moment, remainingMs } from "../lib/core/base/units.ts";
import { type Backend, backendKey } from "../lib/core/calc/routing.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import type { ByteStream, DataPlane, Relay } from "./data_plane.ts";
import type { Dialer } from "./dial.ts";
import { EarlyReader } from "./early_reader.ts";
import type { Gate, GateSession } from "./gate.ts";
import { type Ledger, meterOf } from "./ledger.ts";
import { closeQuietly } from "./portable_plane.ts";
import { refuse } from "./refuse.ts";
import type { RefusalText } from "./startup.ts";

/** Pause after every backend of the gate has failed once. */
const RETRY_MS = 100;
/** A dial gets at least that long, also if the hold time is (almost) up. */
const DIAL_MS_MIN = 250;

/** What all sessions share. */
export interface SessionWorld {
  readonly clock: Clock;
  readonly log: Log;
  readonly dialer: Dialer;
  readonly plane: DataPlane;
  readonly ledger: Ledger;
  readonly holdTimeoutMs: number;
  /** What a client is told after it waited in vain. */
  readonly noBackendText: (gate: Gate) => RefusalText;
}

interface Found {
  readonly backend: Backend;
  readonly conn: ByteStream;
}

/** See the head of this file. */
export class Session implements GateSession {
  readonly #world: SessionWorld;
  readonly #gate: Gate;
  readonly #client: ByteStream;
  readonly #ending = new AbortController();
  #early: EarlyReader | null = null;
  #dialing: AbortController | null = null;
  #relay: Relay | null = null;

  constructor(client: ByteStream, gate: Gate, world: SessionWorld) {
    this.#client = client;
    this.#gate = gate;
    this.#world = world;
  }

  /** The whole life of the session; never rejects. */
  async run(): Promise<void> {
    this.#gate.enter(this);
    try {
      const found = await this.#find();
      if (found !== null) await this.#join(found);
      else if (!this.#ending.signal.aborted) await this.#giveUp();
    } catch (error) {
      this.#world.log.error("A client session failed unexpectedly", { error });
    } finally {
      this.#gate.leave(this);
      closeQuietly(this.#client);
    }
  }

  reroute(): void {
    this.#dialing?.abort();
    this.#relay?.cut();
  }

  end(): void {
    this.#ending.abort();
    this.reroute();
    closeQuietly(this.#client);
  }

  /** Tries and waits until there is a backend; null when the time is up or the client gone. */
  async #find(): Promise<Found | null> {
    const { clock, holdTimeoutMs } = this.#world;
    const deadline = after(clock.now(), holdTimeoutMs);
    const failed = new Set<string>();
    const isOver = (): boolean =>
      this.#ending.signal.aborted || remainingMs(deadline, clock.now()) <= 0;
    for (let attempt = 0; attempt === 0 || !isOver(); attempt++) {
      const backend = this.#gate.pick(failed);
      if (backend === null) {
        this.#watchClient();
        await this.#pause(deadline, failed);
        continue;
      }
      const found = await this.#dial(backend, deadline);
      if (found !== null) return found;
      failed.add(backendKey(backend));
    }
    return null;
  }

  async #pause(deadline: Moment, failed: Set<string>): Promise<void> {
    const retryAt = after(this.#world.clock.now(), RETRY_MS);
    const until = failed.size > 0 && retryAt < deadline ? retryAt : deadline;
    failed.clear();
    await this.#gate.hold.wait(until, this.#ending.signal);
  }

  async #dial(backend: Backend, deadline: Moment): Promise<Found | null> {
    const { clock, dialer, ledger } = this.#world;
    const remaining = remainingMs(deadline, clock.now());
    const limitMs = Math.max(remaining, DIAL_MS_MIN);
    const dialing = new AbortController();
    this.#dialing = dialing;
    this.#gate.assign(this, backend);
    const result = await dialer.dial(backend, limitMs, dialing.signal);
    if (result.kind === "connected") {
      if (!dialing.signal.aborted) return { backend, conn: result.conn };
      closeQuietly(result.conn);
    } else if (!dialing.signal.aborted) {
      ledger.of(this.#gate.route, backend).dialFailures++;
    }
    this.#dialing = null;
    this.#gate.assign(this, null);
    this.#watchClient();
    return null;
  }

  async #join(found: Found): Promise<void> {
    const { ledger, plane } = this.#world;
    const totals = ledger.totals[this.#gate.route];
    const ofBackend = ledger.of(this.#gate.route, found.backend);
    totals.connected++;
    ofBackend.sessions++;
    const client = this.#early ?? this.#client;
    this.#relay = plane.relay(client, found.conn, meterOf(ofBackend));
    // The route may have changed since the connection stood.
    if (this.#dialing?.signal.aborted) this.#relay.cut();
    this.#dialing = null;
    if (await this.#relay.ended === "cut") totals.cut++;
  }

  async #giveUp(): Promise<void> {
    const { clock, ledger, noBackendText } = this.#world;
    ledger.totals[this.#gate.route].holdTimeouts++;
    const text = noBackendText(this.#gate);
    await refuse(this.#early ?? this.#client, text, clock);
  }

  /** From now on a client that goes away while it waits is noticed. */
  #watchClient(): void {
    if (this.#early !== null) return;
    this.#early = new EarlyReader(this.#client);
    this.#early.watch(() => {
      if (this.#ending.signal.aborted) return;
      this.#world.ledger.totals[this.#gate.route].gone++;
      this.end();
    });
  }
}
