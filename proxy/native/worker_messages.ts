/** What control and a worker thread say to each other. */
import type { FrontLimits, FrontTable } from "../front.ts";
import type { SlotEntry } from "../slot_book.ts";
import type { SessionRecord } from "../session_record.ts";
import type { SharedListener } from "./acceptor.ts";

/** What a worker is made of; descriptors belong to control, which closes them. */
export interface WorkerStart {
  readonly type: "start";
  /** This thread's number and section of the ledger. */
  readonly self: number;
  readonly cells: SharedArrayBuffer;
  /** How many messages control has sent, so that none is waited for in vain. */
  readonly mail: SharedArrayBuffer;
  /** Of every thread; readable as soon as it has mail, or a place for it may be free. */
  readonly wakeFds: readonly number[];
  /** Of `server_places.ts`. */
  readonly places: SharedArrayBuffer;
  readonly inbox: number;
  readonly inboxes: readonly number[];
  readonly listeners: readonly SharedListener[];
  readonly limits: FrontLimits;
  /** Several packets may share one entry into the kernel; see `call_ring.ts`. */
  readonly hasCallRing: boolean;
}

/** To a worker. */
export type WorkerOrder =
  | WorkerStart
  | {
    readonly type: "table";
    readonly table: FrontTable;
    readonly slots: readonly SlotEntry[];
    /** Numeric addresses of backends' hosts. */
    readonly hosts: Readonly<Record<string, readonly string[]>>;
  }
  | { readonly type: "close_doors" }
  /** Ends all sessions, then the thread. */
  | { readonly type: "end" };

/** From a worker. */
export type WorkerReport =
  | { readonly type: "loaded" }
  | {
    readonly type: "log";
    readonly level: "debug" | "info" | "warning" | "error" | "critical";
    readonly message: string;
  }
  /** A session has ended that is to be logged. */
  | { readonly type: "session"; readonly record: SessionRecord }
  /** The doors are closed. */
  | { readonly type: "doors_closed" }
  /** The doors are closed and the last session has ended. */
  | { readonly type: "settled" }
  | { readonly type: "ended" };
