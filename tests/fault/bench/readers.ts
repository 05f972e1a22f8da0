/** Clients that read through a port, each time in a session of their own. */
import postgres from "postgres";
import { PASSWORDS } from "../../helpers/agent_member.ts";
import type { BenchMember } from "./member.ts";

const CLIENTS = 3;
const PATIENCE_SECONDS = 10;

/** Reads until it is disposed. */
export class Readers implements AsyncDisposable {
  readonly #seen = new Set<string>();
  readonly #failures: string[] = [];
  readonly #end = new AbortController();
  #done: Promise<unknown> = Promise.resolve();

  /** Through that port of a member's host. */
  static through(member: BenchMember, port: number): Readers {
    const readers = new Readers();
    const { address } = member.host;
    readers.#done = Promise.all(
      Array.from({ length: CLIENTS }, () => readers.#read(address, port)),
    );
    return readers;
  }

  /** Addresses of the servers that answered. */
  seen(): ReadonlySet<string> {
    return this.#seen;
  }

  /** What readers were told instead of an answer. */
  failures(): readonly string[] {
    return this.#failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#done;
  }

  async #read(host: string, port: number): Promise<void> {
    while (!this.#end.signal.aborted) {
      const sql = postgres({
        ...{ host, port, username: "postgres", database: "postgres" },
        password: PASSWORDS.postgres,
        max: 1,
        connect_timeout: PATIENCE_SECONDS,
        idle_timeout: 0,
        max_lifetime: null,
        fetch_types: false,
      });
      try {
        const [row] = await sql`SELECT host(inet_server_addr()) AS server`;
        this.#seen.add(String(row?.["server"]));
      } catch (error) {
        this.#failures.push(String(error));
      } finally {
        await sql.end({ timeout: 1 });
      }
    }
  }
}
