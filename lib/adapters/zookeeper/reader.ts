/**
 * Reads of the scope, each of one moment, that never go back in time.
 *
 * All questions go in one request, which the server answers between two changes.
 * What to ask follows from the last answer; where that has become wrong, it is
 * asked once more. A server may lag behind the one that took an own write: its
 * counter tells, and then a majority has to confirm before it is asked again.
 */
import { after, remainingMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError } from "../../ports/errors.ts";
import { again } from "./again.ts";
import { proveMajority, readTogether } from "./calls.ts";
import type { ZkConnection } from "./connection.ts";
import { refusal } from "./errors.ts";
import { type Answer, CODE, type Question } from "./messages.ts";
import { below, pathOf, type StoredNode, type StoredScope } from "./tree.ts";

/** A scope has some dozens. */
const NODES_MAX = 10_000;

/** What reads need. */
export interface ReaderParts {
  readonly connect: (limits: DcsLimits) => Promise<ZkConnection>;
  readonly clock: Clock;
  readonly scopePath: string;
}

/** What a read should ask for. */
interface Shape {
  /** Nodes of which some answer is wanted. */
  readonly nodes: ReadonlySet<string>;
  /** Those that have others in them. */
  readonly folders: ReadonlySet<string>;
}

const START: Shape = { nodes: new Set([""]), folders: new Set([""]) };

/** Reads one scope. */
export class ScopeReader {
  readonly #parts: ReaderParts;
  #shape: Shape = START;
  /** Nothing older than this is shown. */
  #floor = 0n;
  /** Own writes of which nobody knows whether they happened. */
  #blindWrites = 0;
  /** How many of them a fresh read has covered. */
  #covered = 0;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** As the server has it, but never older than what was seen. */
  async current(limits: DcsLimits): Promise<StoredScope> {
    if (this.#covered < this.#blindWrites) return await this.fresh(limits);
    const { connect, clock } = this.#parts;
    const deadline = after(clock.now(), limits.timeoutMs);
    const left = (): number => remainingMs(deadline, clock.now());
    const scope = await again(
      { connect, clock, left },
      (connection, leftNow) => this.#read(connection, leftNow),
    );
    if (scope.at < this.#floor || this.#covered < this.#blindWrites) {
      return await this.fresh({ timeoutMs: left() });
    }
    this.#floor = scope.at;
    return scope;
  }

  /** As a majority has it; its word also counts where the store went back. */
  async fresh(limits: DcsLimits): Promise<StoredScope> {
    const { connect, clock } = this.#parts;
    const deadline = after(clock.now(), limits.timeoutMs);
    const left = (): number => remainingMs(deadline, clock.now());
    for (;;) {
      const floor = this.#floor;
      const writes = this.#blindWrites;
      const scope = await again(
        { connect, clock, left },
        async (connection, leftNow) => {
          await proveMajority(connection, leftNow());
          return await this.#read(connection, leftNow);
        },
      );
      // Somebody was shown more while this answer was on its way.
      if (scope.at < this.#floor && this.#floor !== floor) continue;
      this.#floor = scope.at;
      this.#covered = Math.max(this.#covered, writes);
      return scope;
    }
  }

  /** An own write was done; null: nobody knows whether. */
  noteWrite(at: bigint | null): void {
    if (at === null) this.#blindWrites += 1;
    else if (at > this.#floor) this.#floor = at;
  }

  /** Whether somebody has been shown more than this. */
  isOutdated({ at }: StoredScope): boolean {
    return at < this.#floor;
  }

  async #read(
    connection: ZkConnection,
    left: () => number,
  ): Promise<StoredScope> {
    const { scopePath } = this.#parts;
    let shape = this.#shape;
    for (;;) {
      const asked = questionsOf(shape);
      const questions = asked.map(({ kind, key }) => ({
        kind,
        path: pathOf(scopePath, key),
      }));
      const { zxid, answers } = await readTogether(
        connection,
        questions,
        left(),
      );
      const host = connection.host;
      const found = foundIn(asked, answers, (code, key) => {
        throw refusal(code, host, `a read of ${pathOf(scopePath, key)}`);
      });
      shape = shapeOf(found);
      if (shape.nodes.size > NODES_MAX) throw tooMany(scopePath);
      if (isWhole(found, shape)) {
        this.#shape = shape;
        return { at: zxid, nodes: found.nodes };
      }
    }
  }
}

interface Asked {
  readonly kind: Question["kind"];
  readonly key: string;
}

interface Found {
  readonly nodes: Map<string, StoredNode>;
  /** Of each folder that was asked for its children, and is there. */
  readonly children: Map<string, readonly string[]>;
}

function questionsOf({ nodes, folders }: Shape): readonly Asked[] {
  return [
    ...[...folders].map((key) => ({ kind: "children", key }) as const),
    ...[...nodes].map((key) => ({ kind: "data", key }) as const),
  ];
}

function foundIn(
  asked: readonly Asked[],
  answers: readonly Answer[],
  refused: (code: number, key: string) => never,
): Found {
  const found: Found = { nodes: new Map(), children: new Map() };
  for (const [at, answer] of answers.entries()) {
    const key = asked[at]?.key ?? "";
    switch (answer.kind) {
      case "data":
        found.nodes.set(key, { value: answer.value, stat: answer.stat });
        break;
      case "children":
        found.children.set(
          key,
          answer.names.map((name) => below(key, name)),
        );
        break;
      case "refused":
        if (answer.code !== CODE.noNode) refused(answer.code, key);
    }
  }
  return found;
}

/** What is there, as far as the answers tell. */
function shapeOf({ nodes, children }: Found): Shape {
  const folders = new Set(["", ...children.keys()]);
  for (const [key, { stat }] of nodes) {
    if (stat.childCount > 0) folders.add(key);
  }
  const all = new Set(["", ...[...children.values()].flat()]);
  return { nodes: all, folders };
}

/** Whether nothing that is there was left out. */
function isWhole({ nodes, children }: Found, shape: Shape): boolean {
  if (nodes.size === 0) return true;
  return nodes.size === shape.nodes.size &&
    [...shape.nodes].every((key) => nodes.has(key)) &&
    [...shape.folders].every((key) => children.has(key));
}

function tooMany(scopePath: string): DcsRefusedError {
  return new DcsRefusedError(
    `There are more than ${NODES_MAX} nodes below ${scopePath}: that is no ` +
      "scope of Patroni's",
  );
}
