/**
 * What a server must be able to do to keep scopes as documents: give one out, and
 * take the next one if nobody has saved another meanwhile.
 */
import type { DcsLimits } from "../../ports/dcs.ts";

/** A document as the server has it, and which life of the server this is; both at one moment. */
export interface StoredDocument {
  /** Null: there is none. */
  readonly stored: {
    /** As it was saved; equal only if it is the same save. */
    readonly version: string;
    readonly text: string;
  } | null;
  /**
   * Another text once the server may have lost what it had confirmed: after a
   * failover of its own.
   */
  readonly era: string;
}

/** One save. */
export interface DocumentSave {
  /** The version that must be there; null: none must be. */
  readonly seen: string | null;
  /** The life that the server must be in. */
  readonly era: string;
  readonly version: string;
  readonly text: string;
}

/** Hears that a document may have changed. */
export interface Doorbell {
  /** @param version What is there now; null: unknown. */
  ring(version: string | null): void;
}

/**
 * One scope on a server. Calls throw what those of the port throw, and keep their
 * limit, also against a frozen server.
 */
export interface DocumentStore {
  /** For people: kind and address of the server. */
  readonly name: string;
  /** A document that is longer cannot be saved. */
  readonly bytesMax: number;
  /** After how long without a ring the document is looked at all the same. */
  readonly pollMs: number;
  /** Whether what `load` shows is as safe as what `save` has confirmed. */
  readonly isSeenSafe: boolean;
  /** Linearizable: never older than a save that has been confirmed to anybody. */
  load(limits: DcsLimits): Promise<StoredDocument>;
  /**
   * Compares and saves in one step. "saved" only once it is as durable as the
   * server can make it; a save whose answer was lost may have happened.
   */
  save(save: DocumentSave, limits: DcsLimits): Promise<"saved" | "outdated">;
  /** Rings until `signal` aborts; a ring may be missing, and one too many does no harm. */
  listen(bell: Doorbell, signal: AbortSignal): void;
  /** Why a document must not be kept here; null: it may. */
  refusal(document: { valueOf(key: string): string | null }): string | null;
  close(): Promise<void>;
}
