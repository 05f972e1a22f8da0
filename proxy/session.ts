/**
 * One client from accept to close: reads its first packet, finds a backend
 * (waits for one if need be), hands both ends to the data plane, or refuses in
 * PostgreSQL's protocol.
 *
 * Until a backend is connected nothing is answered to the client, so that TLS
 * and authentication are between the client and PostgreSQL alone. No backend is
 * asked before the first packet is whole: port scanners, health checks and slow
 * attackers cost PostgreSQL nothing.
 *
 * A cancel request is a connection of its own. On the read-write port it reaches
 * the one primary; on the read-only port every replica is told, and those that
 * do not know the key ignore it. Known limit: a cancel request inside TLS
 * cannot be seen, and goes to one replica only.
 */
import { after, type Moment, remainingMs } from "../lib/core/base/units.ts";
import { type Backend, backendKey } from "../lib/core/calc/host/routing.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";
import type { DataPlane, Relay } from "./data_plane.ts";
import type { Dialer } from "./dial.ts";
import { EarlyReader } from "./early_reader.ts";
import type { Gate, GateSession } from "./gate.ts";
import type { Ledger, Route, RouteEvent } from "./ledger.ts";
import { HOP_ACCEPTED } from "./hop.ts";
import type { OpeningEnd, OpeningLimit } from "./opening_limit.ts";
import type { Places } from "./places.ts";
import { refuse } from "./refuse.ts";
import { hopRequest, type RefusalText } from "./startup.ts";

/** Pause after every backend of the gate has failed once. */
const RETRY_MS = 100;
/** A dial gets at least that long, also if the hold time is (almost) up. */
const DIAL_MS_MIN = 250;
const CANCEL_MS_MAX = 5_000;
/** The instance is on this host: it answers at once or not at all. */
const HOP_DIAL_MS = 1_000;

/** What all sessions share. */
export interface SessionWorld {
  readonly clock: Clock;
  readonly log: Log;
  readonly dialer: Dialer;
  readonly plane: DataPlane;
  readonly ledger: Ledger;
  readonly holdTimeoutMs: number;
  /** How long one attempt to reach a backend may take. */
  readonly connectTimeoutMs: number;
  /** How long the first packet may take. */
  readonly openingLimits: Readonly<Record<Route, OpeningLimit>>;
  /** For telling replicas of cancel requests. */
  readonly tellings: Places;
  /** What a client is told after it waited in vain. */
  readonly noBackendText: (route: Route) => RefusalText;
}

/** A client that was let in. */
interface ArrivedClient {
  readonly client: ByteStream;
  /** Who shares the places of silent clients with it. */
  readonly source: string;
}

interface Found {
  readonly backend: Backend;
  readonly conn: ByteStream;
}

/** One client, from accept to close. */
export class Session implements GateSession {
  readonly #world: SessionWorld;
  readonly #gate: Gate;
  readonly #client: EarlyReader;
  readonly #source: string;
  readonly #ending = new AbortController();
  #isWatched = false;
  #dialing: AbortController | null = null;
  #relay: Relay | null = null;

  constructor(arrived: ArrivedClient, gate: Gate, world: SessionWorld) {
    this.#client = new EarlyReader(arrived.client);
    this.#source = arrived.source;
    this.#gate = gate;
    this.#world = world;
  }

  /** The whole life of the session; never rejects. */
  async run(): Promise<void> {
    this.#gate.enter(this);
    try {
      switch (await this.#open()) {
        case "startup":
        case "encryption":
          return await this.#serve();
        case "cancel":
          if (this.#gate.route === "primary") return await this.#serve();
          return await this.#cancelEverywhere();
        case "hop":
          return await this.#serveHop();
        case "gone":
          return this.#count("gone");
        case "late":
          return this.#count("late");
        case "crowded":
          return this.#count("crowded");
        case "garbage":
          return this.#count("garbage");
      }
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

  holdTurns(): void {
    this.#relay?.holdTurns();
  }

  freeTurns(): void {
    this.#relay?.freeTurns();
  }

  end(): void {
    this.#ending.abort();
    this.reroute();
    closeQuietly(this.#client);
  }

  /** Reads the first packet, within a time limit. */
  async #open(): Promise<
    Awaited<ReturnType<EarlyReader["opening"]>> | OpeningEnd
  > {
    const openingLimit = this.#world.openingLimits[this.#gate.route];
    let over: OpeningEnd | null = null;
    const wait = openingLimit.begin(this.#source, (end) => {
      over = end;
      closeQuietly(this.#client);
    });
    const opening = await this.#client.opening();
    openingLimit.end(wait);
    return over ?? opening;
  }

  async #serve(): Promise<void> {
    const found = await this.#find();
    if (found !== null) await this.#join(found);
    else if (!this.#ending.signal.aborted) await this.#giveUp();
  }

  /** Another proxy waits for an answer, and asks elsewhere if there is none. */
  async #serveHop(): Promise<void> {
    const backend = this.#gate.sealed;
    if (backend === null) return;
    const deadline = after(this.#world.clock.now(), HOP_DIAL_MS);
    const found = await this.#dial(backend, deadline);
    if (found === null) return;
    this.#client.skip(hopRequest().length);
    try {
      await writeAll(this.#client, HOP_ACCEPTED);
    } catch {
      closeQuietly(found.conn);
      return this.#count("gone");
    }
    await this.#join(found);
  }

  /** Whose session it was is known to the replicas alone. */
  async #cancelEverywhere(): Promise<void> {
    const { clock, connectTimeoutMs, holdTimeoutMs } = this.#world;
    const { dialer, tellings } = this.#world;
    const { kept } = this.#client.surrender();
    const over = new AbortController();
    const { signal } = over;
    const onEnd = (): void => over.abort();
    this.#ending.signal.addEventListener("abort", onEnd, { once: true });
    clock.sleep(holdTimeoutMs, signal).then(onEnd);
    const tell = async (backend: Backend): Promise<void> => {
      const result = await dialer.dial(backend, connectTimeoutMs, signal);
      if (result.kind !== "connected") return;
      const { conn } = result;
      const onOver = (): void => closeQuietly(conn);
      signal.addEventListener("abort", onOver, { once: true });
      const done = new AbortController();
      try {
        await writeAll(conn, kept);
        // PostgreSQL closes when it has passed the request on.
        clock.sleep(CANCEL_MS_MAX, done.signal).then(onOver);
        await conn.read(new Uint8Array(1)).catch(() => null);
      } finally {
        done.abort();
        signal.removeEventListener("abort", onOver);
        closeQuietly(conn);
      }
    };
    await Promise.allSettled(
      this.#gate.reachable.map((one) =>
        tellings.within(signal, () => tell(one))
      ),
    );
    over.abort();
    this.#ending.signal.removeEventListener("abort", onEnd);
  }

  #count(event: RouteEvent): void {
    this.#world.ledger.count(this.#gate.route, event);
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
    const { clock, connectTimeoutMs, dialer, ledger } = this.#world;
    const remaining = remainingMs(deadline, clock.now());
    // One that swallows packets must not use up the time of the others.
    const limitMs = Math.min(
      Math.max(remaining, DIAL_MS_MIN),
      connectTimeoutMs,
    );
    const dialing = new AbortController();
    this.#dialing = dialing;
    this.#gate.assign(this, backend);
    const result = await dialer.dial(backend, limitMs, dialing.signal);
    if (result.kind === "connected") {
      if (!dialing.signal.aborted) return { backend, conn: result.conn };
      closeQuietly(result.conn);
    } else if (!dialing.signal.aborted) {
      ledger.addTo(this.#slotOf(backend), "dialFailures", 1);
    }
    this.#dialing = null;
    this.#gate.assign(this, null);
    this.#watchClient();
    return null;
  }

  async #join(found: Found): Promise<void> {
    const { ledger, plane } = this.#world;
    const slot = this.#slotOf(found.backend);
    this.#count("connected");
    ledger.addTo(slot, "sessionsTotal", 1);
    const meter = ledger.meterOf(slot);
    this.#relay = plane.relay(this.#client, found.conn, meter);
    // The route may have changed since the connection stood.
    if (this.#dialing?.signal.aborted) this.#relay.cut();
    if (this.#gate.isDrained(found.backend)) this.#relay.holdTurns();
    this.#dialing = null;
    if (await this.#relay.ended === "cut") this.#count("cut");
  }

  async #giveUp(): Promise<void> {
    const { clock, noBackendText } = this.#world;
    this.#count("holdTimeouts");
    await refuse(this.#client, noBackendText(this.#gate.route), clock);
  }

  /** From now on a client that goes away while it waits is noticed. */
  #watchClient(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    this.#client.watch(() => {
      if (this.#ending.signal.aborted) return;
      this.#count("gone");
      this.end();
    });
  }

  #slotOf(backend: Backend): number {
    return this.#world.ledger.book.slotOf(this.#gate.route, backend);
  }
}
