/** Clients that connect anew all the time, while a proxy is reloaded or replaced. */
import assert from "node:assert/strict";
import { until } from "./tcp.ts";

/** A client that is greeted by its backend. */
interface Visit extends AsyncDisposable {
  readonly text: string;
  readonly isEnded: boolean;
}

/** Some that knock in turns of their own; every attempt must be served. */
export class Visitors {
  /** What backends said. */
  readonly greetings: string[] = [];
  readonly #failures: string[] = [];
  readonly #visiting: Promise<unknown>;
  #isOver = false;

  constructor(knock: () => Promise<Visit>, count: number) {
    const visitors = Array.from({ length: count }, () => this.#visit(knock));
    this.#visiting = Promise.all(visitors);
  }

  /** Waits for so many more that were served. */
  async more(count: number): Promise<void> {
    const before = this.greetings.length;
    await until(
      `${count} more visitors are served`,
      () => this.greetings.length >= before + count,
      () => this.#failures,
    );
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#visiting;
    assert.deepEqual(this.#failures, []);
  }

  async #visit(knock: () => Promise<Visit>): Promise<void> {
    while (!this.#isOver) {
      try {
        await using client = await knock();
        await until("it is served", () => client.text !== "" || client.isEnded);
        if (client.text === "") throw new Error("ended unserved");
        this.greetings.push(client.text.trim());
      } catch (error) {
        this.#failures.push(String(error));
      }
    }
  }
}
