/**
 * Writes to every member all the time and remembers who acknowledged on which
 * timeline. Two writable primaries at once show as an acknowledgement of an older
 * timeline (or of another member on the same one) that was asked for after a
 * newer one had been received.
 */
import assert from "node:assert/strict";
import { type AgentMember, connectTo } from "./agent_member.ts";

const PAUSE_MS = 50;
const STATEMENT = "INSERT INTO beats DEFAULT VALUES RETURNING id, " +
  "left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline";

/** One acknowledged write. */
export interface Acknowledged {
  readonly member: string;
  readonly timeline: number;
  readonly id: number;
  /** Before the statement was sent, `performance.now()`. */
  readonly askedAt: number;
  readonly answeredAt: number;
}

interface Session {
  readonly member: AgentMember;
  readonly sql: ReturnType<typeof connectTo>;
}

/** Writes to every member all the time, to find two primaries. Needs {@link prepare} on the first leader. */
export class WritableWatch implements AsyncDisposable {
  readonly acknowledged: Acknowledged[] = [];
  readonly #sessions: readonly Session[];
  readonly #writers: readonly Promise<void>[];
  #isOver = false;

  constructor(members: readonly AgentMember[]) {
    // No statement_timeout: it would make PostgreSQL acknowledge a commit that
    // still waits for its synchronous standby.
    const options = { connect_timeout: 2, backoff: false };
    this.#sessions = members.map((member) => ({
      member,
      sql: connectTo(member.place.postgresPort, options),
    }));
    this.#writers = this.#sessions.map((session) => this.#write(session));
  }

  /** Makes the table. */
  static async prepare(leader: AgentMember): Promise<void> {
    await leader.sql("CREATE TABLE beats (id serial PRIMARY KEY)");
  }

  /** The last acknowledged write of all, or of one member. */
  last(member: string | null = null): Acknowledged | undefined {
    return this.acknowledged.findLast((ack) =>
      member === null || ack.member === member
    );
  }

  /** When the last acknowledged write of all, or of one member, came back; there must be one. */
  lastAnswerAt(member: string | null = null): number {
    const last = this.last(member);
    assert.ok(last !== undefined, `${member ?? "nobody"} took a write`);
    return last.answeredAt;
  }

  /** Whether the member has acknowledged a write later than that. */
  hasAnsweredAfter(moment: number, member: string | null = null): boolean {
    const last = this.last(member);
    return last !== undefined && last.answeredAt > moment;
  }

  /** Acknowledged rows that this member does not have. */
  async lostOn(member: AgentMember): Promise<readonly Acknowledged[]> {
    const acknowledged = [...this.acknowledged];
    const rows = await member.sql("SELECT id FROM beats");
    const kept = new Set(rows.map(({ id }) => Number(id)));
    return acknowledged.filter(({ id }) => !kept.has(id));
  }

  /** Proofs of two primaries at once; empty if all is well. */
  violations(): readonly unknown[] {
    return this.acknowledged.flatMap((late) => {
      const newer = this.acknowledged.find((early) =>
        early.answeredAt < late.askedAt && early.member !== late.member &&
        early.timeline >= late.timeline
      );
      return newer === undefined ? [] : [{ newer, late }];
    });
  }

  /** Ends the writers. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#sessions.map(({ sql }) => sql.end({ timeout: 0 })));
    await Promise.all(this.#writers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #write({ member, sql }: Session): Promise<void> {
    while (!this.#isOver) {
      const askedAt = performance.now();
      try {
        const [row] = await sql.unsafe(STATEMENT);
        const answeredAt = performance.now();
        // The client library may take the end of a start-up for an answer.
        if (row !== undefined) {
          this.acknowledged.push({
            member: member.name,
            timeline: parseInt(String(row["timeline"]), 16),
            id: Number(row["id"]),
            askedAt,
            answeredAt,
          });
        }
      } catch {
        // Read-only, stopped or starting: not writable.
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
