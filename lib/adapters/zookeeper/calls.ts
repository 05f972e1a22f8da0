/** The requests that reads, writes and watches are made of, with the errors of the port. */
import type { Ask, ZkConnection } from "./connection.ts";
import {
  ConnectionError,
  refusal,
  RefusalError,
  unreachable,
} from "./errors.ts";
import { WireError } from "./jute.ts";
import {
  type Acl,
  type Answer,
  answersOf,
  ANY_VERSION,
  CODE,
  type FailedStep,
  failedStep,
  type Head,
  OP,
  type Question,
  type Step,
  writeQuestions,
  writeStep,
  writeSteps,
  writeWatch,
} from "./messages.ts";

/** What a transaction came to, at which counter of the store. */
export interface Transacted {
  readonly zxid: bigint;
  /** Null: all steps were done. */
  readonly failed: FailedStep | null;
}

/** Where the nodes are that a step makes, and what they are made with. */
export interface CallOptions {
  readonly acl: readonly Acl[];
  readonly timeoutMs: number;
}

/** All steps, or none. */
export async function transact(
  connection: ZkConnection,
  steps: readonly Step[],
  { acl, timeoutMs }: CallOptions,
): Promise<Transacted> {
  const write = (to: Parameters<Ask["write"]>[0]) => writeSteps(to, steps, acl);
  const ask = { op: OP.multi, write, timeoutMs, what: "a write" };
  return await called(connection, ask, ({ zxid, body }) => ({
    zxid,
    failed: failedStep(body),
  }));
}

/**
 * Makes sure that a majority of the ensemble follows the leader that this server
 * follows: a transaction that changes nothing, which only such a leader gets
 * through. (`sync` asks the leader alone, also one that has been replaced and
 * does not know it yet.) What it says of the root does not matter.
 */
export async function proveMajority(
  connection: ZkConnection,
  timeoutMs: number,
): Promise<void> {
  const check = { kind: "check", path: "/", version: ANY_VERSION } as const;
  await transact(connection, [check], { acl: [], timeoutMs });
}

/** Questions that are answered at one moment. */
export async function readTogether(
  connection: ZkConnection,
  questions: readonly Question[],
  timeoutMs: number,
): Promise<{ readonly zxid: bigint; readonly answers: readonly Answer[] }> {
  const write = (to: Parameters<Ask["write"]>[0]) =>
    writeQuestions(to, questions);
  const ask = { op: OP.multiRead, write, timeoutMs, what: "a read" };
  return await called(connection, ask, ({ zxid, body }) => {
    const answers = answersOf(body);
    if (answers.length !== questions.length) {
      throw new WireError("answers to other questions");
    }
    return { zxid, answers };
  });
}

/** From now on the connection tells of each change at or below the path. */
export async function watchBelow(
  connection: ZkConnection,
  path: string,
  timeoutMs: number,
): Promise<void> {
  const ask: NamedAsk = {
    op: OP.addWatch,
    write: (to) => writeWatch(to, path),
    timeoutMs,
    what: `a watch of ${path}`,
  };
  await called(connection, ask, () => {});
}

/** Makes one node without a value, and those above it; some may be there. */
export async function makeFolders(
  connection: ZkConnection,
  path: string,
  { acl, timeoutMs }: CallOptions,
): Promise<void> {
  const missing: string[] = [];
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    if (await exists(connection, at, timeoutMs)) break;
    missing.unshift(at);
  }
  for (const folder of missing) {
    const step = {
      kind: "create",
      path: folder,
      value: "",
      mode: "persistent",
    } as const;
    const ask: NamedAsk = {
      op: OP.create,
      write: (to) => writeStep(to, step, acl),
      timeoutMs,
      what: `a creation of ${folder}`,
    };
    await unlessCode(
      CODE.nodeExists,
      () => called(connection, ask, () => true),
    );
  }
}

async function exists(
  connection: ZkConnection,
  path: string,
  timeoutMs: number,
): Promise<boolean> {
  const ask: NamedAsk = {
    op: OP.exists,
    write: (to) => to.text(path).bool(false),
    timeoutMs,
    what: `a look at ${path}`,
  };
  const found = await unlessCode(
    CODE.noNode,
    () => called(connection, ask, () => true),
  );
  return found ?? false;
}

/** Null for that refusal. */
async function unlessCode<T>(
  code: number,
  call: () => Promise<T>,
): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    const { cause } = error instanceof Error ? error : { cause: null };
    if (cause instanceof RefusalError && cause.code === code) return null;
    throw error;
  }
}

interface NamedAsk extends Ask {
  /** For the sentence of its refusal. */
  readonly what: string;
}

async function called<T>(
  connection: ZkConnection,
  ask: NamedAsk,
  read: (head: Head) => T,
): Promise<T> {
  const { host } = connection;
  try {
    return read(await connection.ask(ask));
  } catch (error) {
    if (error instanceof RefusalError) {
      const shown = refusal(error.code, host, ask.what);
      shown.cause = error;
      throw shown;
    }
    if (error instanceof WireError) {
      connection.close("its answer was not understood");
      throw unreachable([`${host}: ${error.message}`], error);
    }
    if (error instanceof ConnectionError) {
      throw unreachable([`${host}: ${error.message}`], error);
    }
    throw error;
  }
}
