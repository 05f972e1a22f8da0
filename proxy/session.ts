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
import type { Backend } from "../lib/core/model/routes.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { AnswerMeter } from "./answer_meter.ts";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";
import type { DataPlane, Relay } from "./data_plane.ts";
import type { Dialer } from "./dial.ts";
import { EarlyReader } from "./early_reader.ts";
import type { Gate, GateSession } from "./gate.ts";
import type { Route } from "./doors.ts";
import type { Ledger } from "./ledger.ts";
import type { RouteEvent } from "./ledger_plan.ts";
import { HOP_ACCEPTED } from "./hop.ts";
import type { OpeningEnd, OpeningLimit } from "./opening_limit.ts";
import type { Places } from "./places.ts";
import { LinePlace, type Refusal } from "./line_place.ts";
import { tellAll } from "./cancel_telling.ts";
import { type IdleWatch, untilIdle } from "./idle_watch.ts";
import {
  type ConnectionEnds,
  type ProxyHeaderVersion,
  writtenHeader,
} from "./proxy_header.ts";
import { refuse } from "./refuse.ts";
import { SessionMeter, type SessionRecord } from "./session_record.ts";
import { SessionStory } from "./session_story.ts";
import { serverName } from "./server_name.ts";
import { hopRequest, nameRequest, type RefusalText } from "./startup.ts";

/** A dial gets at least that long, also if the hold time is (almost) up. */
const DIAL_MS_MIN = 250;
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
  /** How long a client waits for a place on a server. */
  readonly queueTimeoutMs: number;
  /** How long one attempt to reach a backend may take. */
  readonly connectTimeoutMs: number;
  /** How long the first packet may take. */
  readonly openingLimits: ReadonlyMap<Route, OpeningLimit>;
  /** For telling replicas of cancel requests. */
  readonly tellings: Places;
  /** What a client is told after it waited in vain. */
  readonly noBackendText: (route: Route) => RefusalText;
  readonly idle: IdleWatch;
  /** How a backend is told who its client is; null: it is not. */
  readonly sendProxy: ProxyHeaderVersion | null;
  /** Hears of each session that has ended; null: nobody wants to. Must not throw. */
  readonly onSession: ((record: SessionRecord) => void) | null;
}

/** A client that was let in. */
interface ArrivedClient {
  readonly client: ByteStream;
  readonly address: string;
  readonly ends: () => ConnectionEnds | null;
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
  readonly #ends: () => ConnectionEnds | null;
  readonly #story: SessionStory | null;
  readonly #ending = new AbortController();
  #isWatched = false;
  /** Null: it had a backend at once, or none yet. */
  #waitsSince: Moment | null = null;
  #dialing: AbortController | null = null;
  #relay: Relay | null = null;
  readonly #place: LinePlace;
  /** What it began with; null: nothing yet. */
  #wish: Awaited<ReturnType<EarlyReader["opening"]>> | OpeningEnd | null = null;
  /** Why it gets no backend; null: because there is none. */
  #refusal: Refusal | null = null;

  constructor(arrived: ArrivedClient, gate: Gate, world: SessionWorld) {
    this.#client = arrived.client instanceof EarlyReader
      ? arrived.client
      : new EarlyReader(arrived.client);
    this.#ends = arrived.ends;
    this.#source = arrived.source;
    this.#gate = gate;
    this.#world = world;
    const { line, route } = gate;
    this.#place = new LinePlace({ ...world, line, route });
    const { address } = arrived;
    this.#story = world.onSession === null
      ? null
      : new SessionStory(world.clock, { route: gate.route, address });
  }

  /** The whole life of the session; never rejects. */
  async run(): Promise<void> {
    this.#gate.enter(this);
    try {
      const wish = await this.#open();
      this.#wish = wish;
      switch (wish) {
        case "startup":
          this.#story?.opened(this.#client.ahead);
          return await this.#serve();
        case "encryption":
          return await this.#serve();
        case "cancel":
          this.#story?.ended("cancel");
          if (this.#gate.isSingle) return await this.#serve();
          return await this.#cancelEverywhere();
        case "hop":
          return await this.#serveHop();
        case "name":
          return await this.#serveNamed();
        case "gone":
        case "late":
        case "crowded":
        case "garbage":
          return this.#count(wish);
      }
    } catch (error) {
      this.#world.log.error("A client session failed unexpectedly", { error });
    } finally {
      this.#gate.leave(this);
      closeQuietly(this.#client);
      if (this.#story !== null) this.#world.onSession?.(this.#story.record());
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
    const openingLimit = this.#world.openingLimits.get(this.#gate.route);
    let over: OpeningEnd | null = null;
    const wait = openingLimit?.begin(this.#source, (end) => {
      over = end;
      closeQuietly(this.#client);
    });
    const opening = await this.#client.opening();
    if (wait !== undefined) openingLimit?.end(wait);
    return over ?? opening;
  }

  async #serve(): Promise<void> {
    const found = await this.#find();
    if (found !== null) await this.#join(found);
    else if (!this.#ending.signal.aborted) await this.#giveUp();
  }

  /** The proxy's own end of TLS hears which server it is, before that speaks. */
  async #serveNamed(): Promise<void> {
    if (!this.#gate.isServerTls) return this.#count("garbage");
    this.#client.skip(nameRequest().length);
    await this.#serve();
  }

  /** Another proxy waits for an answer, and asks elsewhere if there is none. */
  async #serveHop(): Promise<void> {
    const backend = this.#gate.sealed;
    if (backend === null) return;
    const deadline = after(this.#world.clock.now(), HOP_DIAL_MS);
    // The other proxy has its own limit.
    this.#gate.assign(this, backend);
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

  async #cancelEverywhere(): Promise<void> {
    const { kept } = this.#client.surrender();
    await tellAll({
      ...this.#world,
      request: kept,
      backends: this.#gate.reachable,
      introduced: (backend, conn) => this.#introduced(backend, conn),
      ending: this.#ending.signal,
    });
  }

  #count(event: RouteEvent): void {
    this.#world.ledger.count(this.#gate.route, event);
    this.#story?.noted(event);
  }

  /** A backend; null when the time is up or the client gone. How long it took is noted if it was a wait. */
  async #find(): Promise<Found | null> {
    const { clock, ledger } = this.#world;
    try {
      return await this.#seek();
    } finally {
      this.#place.leave();
      if (this.#waitsSince !== null) {
        ledger.addWait(this.#gate.route, clock.now() - this.#waitsSince);
      }
    }
  }

  /** Tries and waits until there is one. */
  async #seek(): Promise<Found | null> {
    const { clock, holdTimeoutMs } = this.#world;
    let deadline = after(clock.now(), holdTimeoutMs);
    const isOver = (): boolean =>
      this.#ending.signal.aborted || remainingMs(deadline, clock.now()) <= 0;
    for (let attempt = 0; attempt === 0 || !isOver(); attempt++) {
      const backend = this.#gate.seat(this, {
        source: this.#source,
        ticket: this.#place.ticket,
        // A cancel request waits for no place.
        isUrgent: this.#wish === "cancel",
      });
      const isInLine = backend === null && this.#place.ticket !== null;
      if (backend === "full" || isInLine) {
        this.#watchClient();
        const since = clock.now();
        this.#refusal = await this.#place.wait(this.#ending.signal);
        if (this.#refusal !== null) return null;
        // What it waited in the line was not for want of a server.
        deadline = after(deadline, clock.now() - since);
        continue;
      }
      if (backend === null) {
        this.#watchClient();
        this.#beginWait();
        await this.#gate.hold.wait(deadline, this.#ending.signal);
        continue;
      }
      this.#place.leave();
      const found = await this.#dial(backend, deadline);
      if (found !== null) return found;
    }
    return null;
  }

  #beginWait(): void {
    if (this.#waitsSince !== null) return;
    this.#waitsSince = this.#world.clock.now();
    this.#count("waited");
  }

  async #dial(backend: Backend, deadline: Moment): Promise<Found | null> {
    const { clock, connectTimeoutMs, dialer, ledger } = this.#world;
    const since = clock.now();
    const remaining = remainingMs(deadline, since);
    // One that swallows packets must not use up the time of the others.
    const limitMs = Math.min(
      Math.max(remaining, DIAL_MS_MIN),
      connectTimeoutMs,
    );
    const dialing = new AbortController();
    this.#dialing = dialing;
    const result = await dialer.dial(backend, limitMs, dialing.signal);
    if (result.kind === "connected") {
      ledger.addTime(this.#gate.route, "dial", clock.now() - since);
      const isReady = !dialing.signal.aborted &&
        await this.#introduced(backend, result.conn);
      if (isReady) return { backend, conn: result.conn };
      closeQuietly(result.conn);
    } else if (!dialing.signal.aborted) {
      ledger.addTo(this.#slotOf(backend), "dialFailures", 1);
      this.#gate.noteFailure(backend, result.detail);
    }
    this.#dialing = null;
    this.#gate.assign(this, null);
    this.#watchClient();
    return null;
  }

  /** Says to a backend who its client is, if it is to be told. */
  async #introduced(backend: Backend, conn: ByteStream): Promise<boolean> {
    const { sendProxy } = this.#world;
    // Another proxy is told who comes by the hop itself: a proxy.
    if (sendProxy === null || backend.via === "proxy") return true;
    try {
      await writeAll(conn, writtenHeader(sendProxy, this.#ends()));
      return true;
    } catch {
      return false;
    }
  }

  async #join(found: Found): Promise<void> {
    const { clock, idle, ledger, plane } = this.#world;
    const since = clock.now();
    const slot = this.#slotOf(found.backend);
    this.#count("connected");
    ledger.addTo(slot, "sessionsTotal", 1);
    // A client that is gone is noticed by the relay.
    if (this.#wish === "name") {
      await writeAll(this.#client, serverName(found.backend)).catch(() => {});
    }
    const total = new AnswerMeter(
      ledger.meterOf(slot),
      (by) => ledger.addTo(slot, "waiting", by),
    );
    const own = this.#story !== null || idle.isOn
      ? new SessionMeter(total)
      : null;
    this.#relay = plane.relay(this.#client, found.conn, own ?? total);
    if (own !== null) this.#story?.joined(found.backend, own);
    // The route may have changed since the connection stood.
    if (this.#dialing?.signal.aborted) this.#relay.cut();
    if (this.#gate.isDrained(found.backend)) this.#relay.holdTurns();
    this.#dialing = null;
    const idleEnd = own !== null && idle.isOn
      ? await untilIdle(idle, { relay: this.#relay, meter: own })
      : null;
    const end = await this.#relay.ended;
    total.end();
    ledger.addTime(this.#gate.route, "session", clock.now() - since);
    if (idleEnd !== null) this.#count("idle");
    else if (end === "cut") this.#count("cut");
    this.#story?.ended(idleEnd ?? end);
  }

  async #giveUp(): Promise<void> {
    const { clock, noBackendText } = this.#world;
    const { event, text } = this.#refusal ??
      { event: "holdTimeouts", text: noBackendText(this.#gate.route) } as const;
    this.#count(event);
    await refuse(this.#client, text, clock);
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
