/**
 * The slots that operators own: those that the scope keeps for them
 * (permanent), and those that the agents must leave alone (ignored).
 */

/** A slot that every member which may lead keeps, whoever uses it. */
export type PermanentSlot =
  | {
    readonly type: "physical";
    /** The only kind of cluster in which it is wanted; null: in both. */
    readonly clusterType: "primary" | "standby" | null;
  }
  | {
    readonly type: "logical";
    readonly database: string;
    readonly plugin: string;
  };

/** A logical slot with its name. */
export interface LogicalSlot {
  readonly name: string;
  readonly database: string;
  readonly plugin: string;
}

/** Describes slots to leave alone; null matches anything. */
export interface IgnoredSlot {
  readonly name: string | null;
  readonly type: string | null;
  readonly database: string | null;
  readonly plugin: string | null;
}

/** Source: docs/contract/configuration.md 4.4. */
export interface SlotSettings {
  /** By slot name. */
  readonly permanent: Readonly<Record<string, PermanentSlot>>;
  readonly ignored: readonly IgnoredSlot[];
}

/** Settings of a scope that configures none. */
export const NO_SLOT_SETTINGS: SlotSettings = { permanent: {}, ignored: [] };
