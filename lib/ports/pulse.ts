/**
 * The pulse of a leader's agent: a short word every 500 ms to each of its voters,
 * over a connection of its REST API that stays. Only a takeover listens to it,
 * and nothing is safe because of it: it says how soon a loss is noticed.
 */
import type { Moment, Revision } from "../core/base/units.ts";
import type { HostPort } from "../core/codec/conn_url.ts";
import type { MemberName } from "../core/model/member.ts";

/** How often a leader is heard, in milliseconds. Each pulse wakes two idle processes. */
export const PULSE_MS = 500;
/**
 * For so long after a pulse no silence is counted. Then a stall of a second that
 * begins just before the next one stays well below a suspicion.
 */
export const PULSE_GRACE_MS = 250;
/** A pulse is missing when a listener that looks has counted that much. */
export const QUIET_MS = 550;

/** What a leader says, and to whom. */
export interface PulseWord {
  readonly leader: MemberName;
  /** The revision of its leader key. */
  readonly term: Revision;
  /** Nobody else is answered. */
  readonly voters: readonly MemberName[];
}

/** The leader's side. */
export interface PulseSpeaker {
  /**
   * What is said from now on; null: nothing, and every connection is closed. The
   * same word again costs nothing, so it may be given in each cycle.
   */
  speak(word: PulseWord | null): void;
  /**
   * By voter: when a pulse was sent that it has answered since. A voter that never
   * answered is missing. Kept over terms, until `speak(null)`.
   */
  answeredAt(): ReadonlyMap<MemberName, Moment>;
  /**
   * Resolves with the next pulse, or as late as one where nothing is said, or when
   * `signal` aborts: for those who look after the answers, so that an idle process
   * is woken once for both.
   */
  untilPulse(signal: AbortSignal): Promise<void>;
}

/** Whom a voter listens to. */
export interface PulseTarget {
  /** The own name: what the leader knows this member by. */
  readonly self: MemberName;
  readonly leader: MemberName;
  /** Of its member key; null: it cannot be heard. */
  readonly apiUrl: string | null;
  /** Asked for a sign only while the agent is silent. Null: not known. */
  readonly postgres: HostPort | null;
  /** Its clients' port, asked as `postgres` is. Null: it has none. */
  readonly proxy: HostPort | null;
}

/** What was heard of the leader that is listened to. All moments are of the own boot clock. */
export interface PulseSight {
  readonly leader: MemberName;
  /** The term that its last pulse named; null: never heard. */
  readonly term: Revision | null;
  /**
   * From when on its agent is silent: `PULSE_GRACE_MS` after its last pulse, so it
   * may lie ahead; null: never heard since `listenTo()`. Time in which
   * this process itself did not run is taken out: after a freeze of this host it
   * lies later than it was, so that nobody suspects from his own gap.
   */
  readonly heardAt: Moment | null;
  /**
   * When its PostgreSQL answered last, asked while the agent is silent: a living
   * server sends an idle standby nothing for many seconds. Null: not asked, or it
   * never answered.
   */
  readonly postgresAt: Moment | null;
  /** Whose port refused the last connection, since the last pulse. */
  readonly refused: {
    readonly agent: boolean;
    readonly postgres: boolean;
    /** True as well if it has none. */
    readonly proxy: boolean;
  };
}

/** The voter's side. */
export interface PulseListener {
  /**
   * Listens to that leader; null: to nobody. Forgets what was heard when the
   * leader's name changes. The same target again costs nothing.
   */
  listenTo(target: PulseTarget | null): void;
  /** What was heard until now; null: nobody is listened to. */
  sight(): PulseSight | null;
  /**
   * Resolves when the leader has been silent for `silentMs` (its agent; look at
   * `sight()` for the rest), when nothing listens there any more, or when `signal`
   * aborts; at once where that is so already. A leader that was never heard, or
   * that lives and does not speak, is not silent.
   *
   * @param silentMs Below 0.8 s it may be told up to 0.2 s late: an idle listener
   * looks that seldom.
   */
  untilSilent(silentMs: number, signal: AbortSignal): Promise<void>;
}
