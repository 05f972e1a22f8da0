/**
 * What is said to a ZooKeeper and what it answers, as plain data.
 *
 * Source: ZooKeeper 3.8 `zookeeper.jute`, `ZooDefs.java`, `MultiResponse.java`.
 */
import { JuteReader, JuteWriter, WireError } from "./jute.ts";

/** Numbers of operations. */
export const OP = {
  create: 1,
  delete: 2,
  exists: 3,
  data: 4,
  set: 5,
  children: 8,
  ping: 11,
  check: 13,
  multi: 14,
  multiRead: 22,
  auth: 100,
  addWatch: 106,
  close: -11,
} as const;

/** Numbers of answers that belong to no request of a caller. */
export const XID = { event: -1, ping: -2, auth: -4 } as const;

/** Numbers of refusals. */
export const CODE = {
  ok: 0,
  unimplemented: -6,
  badArguments: -8,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  invalidAcl: -114,
  authFailed: -115,
  sessionMoved: -118,
  quotaExceeded: -125,
  throttled: -127,
} as const;

/** Any version will do. */
export const ANY_VERSION = -1;

/** Watch a node and all below it, until the connection ends. */
const RECURSIVE = 1;

/** Who may do what with a node. */
export interface Acl {
  /** Sum of read 1, write 2, create 4, delete 8, admin 16. */
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

/** Everybody everything. */
export const OPEN_ACL: readonly Acl[] = [
  { permissions: 31, scheme: "world", id: "anyone" },
];

/** What is known of a node besides its value. */
export interface Stat {
  /** The store's counter at its last change. */
  readonly changedAt: bigint;
  /** Counts changes of the value; starts at 0 with each creation. */
  readonly version: number;
  /** Nodes that were ever created in it. */
  readonly creations: number;
  /** The session that it hangs on; 0: none. */
  readonly owner: bigint;
  readonly childCount: number;
}

/** One step of a transaction. */
export type Step =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly value: string;
    /** `counted`: the number of creations in its folder is added to its name. */
    readonly mode: "persistent" | "ephemeral" | "counted";
  }
  | {
    readonly kind: "set";
    readonly path: string;
    readonly value: string;
    readonly version: number;
  }
  | {
    readonly kind: "delete" | "check";
    readonly path: string;
    readonly version: number;
  };

/** One question of a read. */
export interface Question {
  readonly kind: "data" | "children";
  readonly path: string;
}

/** Its answer. */
export type Answer =
  | { readonly kind: "data"; readonly value: string; readonly stat: Stat }
  | { readonly kind: "children"; readonly names: readonly string[] }
  | { readonly kind: "refused"; readonly code: number };

const MODES = { persistent: 0, ephemeral: 1, counted: 2 } as const;

/** A session as its server granted it. */
export interface GrantedSession {
  /** 0: the session that was asked for is gone. */
  readonly timeoutMs: number;
  readonly id: bigint;
  readonly password: Uint8Array;
}

/** Opens a session, or joins the one that is named. */
export function connectFrame(wanted: GrantedSession): Uint8Array {
  const { id, password, timeoutMs } = wanted;
  const protocol = 0;
  const seen = 0n;
  const isReadOnly = false;
  return new JuteWriter().int(protocol).long(seen).int(timeoutMs)
    .long(id).buffer(password).bool(isReadOnly).frame();
}

/** The answer to that. */
export function grantedSession(frame: Uint8Array): GrantedSession {
  const reader = new JuteReader(frame);
  if (reader.int() !== 0) throw new WireError("another protocol");
  const timeoutMs = reader.int();
  const id = reader.long();
  // The reader's view would keep the frame.
  const password = reader.buffer().slice();
  if (timeoutMs < 0) throw new WireError("a negative session timeout");
  return { timeoutMs, id, password };
}

/** Begins a request. */
export function request(xid: number, op: number): JuteWriter {
  return new JuteWriter().int(xid).int(op);
}

/** The head of an answer; the rest is the reader's. */
export interface Head {
  readonly xid: number;
  readonly zxid: bigint;
  readonly code: number;
  readonly body: JuteReader;
}

/** Reads the head of an answer. */
export function headOf(frame: Uint8Array): Head {
  const body = new JuteReader(frame);
  return { xid: body.int(), zxid: body.long(), code: body.int(), body };
}

/** The path of a watch's event; empty: it is about the connection. */
export function eventPath(body: JuteReader): string {
  body.int(); // what has happened
  body.int(); // the connection's state
  return body.text();
}

/** Says who asks. */
export function writeAuth(
  to: JuteWriter,
  { scheme, credential }: {
    readonly scheme: string;
    readonly credential: string;
  },
): void {
  to.int(0).text(scheme).text(credential);
}

/** Watches a node and all below it. */
export function writeWatch(to: JuteWriter, path: string): void {
  to.text(path).int(RECURSIVE);
}

/** One step outside of a transaction. */
export function writeStep(
  to: JuteWriter,
  step: Step,
  acl: readonly Acl[],
): void {
  to.text(step.path);
  switch (step.kind) {
    case "create":
      to.text(step.value).int(acl.length);
      for (const { permissions, scheme, id } of acl) {
        to.int(permissions).text(scheme).text(id);
      }
      to.int(MODES[step.mode]);
      break;
    case "set":
      to.text(step.value).int(step.version);
      break;
    case "delete":
    case "check":
      to.int(step.version);
  }
}

/** A transaction. */
export function writeSteps(
  to: JuteWriter,
  steps: readonly Step[],
  acl: readonly Acl[],
): void {
  for (const step of steps) {
    writePartHead(to, OP[step.kind]);
    writeStep(to, step, acl);
  }
  writePartsEnd(to);
}

/** Reads of one moment. */
export function writeQuestions(
  to: JuteWriter,
  questions: readonly Question[],
): void {
  for (const { kind, path } of questions) {
    writePartHead(to, OP[kind]);
    to.text(path).bool(false);
  }
  writePartsEnd(to);
}

function writePartHead(to: JuteWriter, op: number): void {
  to.int(op).bool(false).int(-1);
}

function writePartsEnd(to: JuteWriter): void {
  to.int(-1).bool(true).int(-1);
}

/** The first step that was refused, and why; null: all were done. */
export interface FailedStep {
  readonly at: number;
  readonly code: number;
}

/** What became of a transaction's steps. */
export function failedStep(body: JuteReader): FailedStep | null {
  let cause: FailedStep | null = null;
  let isUndone = false;
  for (let at = 0;; at++) {
    const op = body.int();
    const isEnd = body.bool();
    body.int();
    if (isEnd) return cause ?? (isUndone ? { at: 0, code: NOT_REACHED } : null);
    switch (op) {
      case OP.create:
        body.text();
        break;
      case OP.set:
        statOf(body);
        break;
      case OP.delete:
      case OP.check:
        break;
      case -1: {
        const code = body.int();
        isUndone = true;
        // The steps before and after the one at fault have codes that say no more.
        const isCause = code !== CODE.ok && code !== NOT_REACHED;
        if (isCause) cause ??= { at, code };
        break;
      }
      default:
        throw new WireError("an unknown part of an answer");
    }
  }
}

/** Runtime inconsistency: what steps after the one at fault are answered. */
const NOT_REACHED = -2;

/** The answers to questions, in their order. */
export function answersOf(body: JuteReader): readonly Answer[] {
  const answers: Answer[] = [];
  for (;;) {
    const op = body.int();
    const isEnd = body.bool();
    body.int();
    if (isEnd) return answers;
    switch (op) {
      case OP.data: {
        const value = body.text();
        answers.push({ kind: "data", value, stat: statOf(body) });
        break;
      }
      case OP.children:
        answers.push({ kind: "children", names: body.texts() });
        break;
      case -1:
        answers.push({ kind: "refused", code: body.int() });
        break;
      default:
        throw new WireError("an unknown part of an answer");
    }
  }
}

function statOf(body: JuteReader): Stat {
  body.long(); // created at
  const changedAt = body.long();
  body.long(); // created, wall time
  body.long(); // changed, wall time
  const version = body.int();
  const childChanges = body.int();
  body.int(); // changes of its access control
  const owner = body.long();
  body.int(); // length of the value
  const childCount = body.int();
  body.long(); // the children's last change
  // ZooKeeper shows creations and deletions in one number, and names counted
  // nodes by the creations: `DataNode.copyStat`.
  const creations = (childChanges + childCount) / 2;
  return { changedAt, version, creations, owner, childCount };
}
