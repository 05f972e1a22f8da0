/**
 * Virtual addresses on this host. The agent says which it should carry and until
 * when; how the host is told, and in what order, is the implementation's.
 */
import type { VipPart } from "../core/calc/host/vip.ts";
import type { HostAddresses, Vip } from "../core/model/vip.ts";

/** One configured address and this member's part in it. */
export interface VipWish {
  readonly vip: Vip;
  readonly part: VipPart;
}

/** Carries addresses. */
export interface VipCarrier {
  /**
   * Makes the host carry what is wished, in the background: looks who else has
   * an address, binds, announces. A newer call takes the place of one that waits.
   * Failures are logged, each once until it changes.
   */
  reconcile(wishes: readonly VipWish[]): void;
  /**
   * Takes these addresses away before it resolves, at the latest after a second
   * (the kernel's lifetime does the rest); what still runs of an earlier
   * `reconcile` cannot bring them back. Never throws.
   */
  dropAll(vips: readonly Vip[]): Promise<void>;
  /** Ends background work; the addresses stay as they are. */
  close(): Promise<void>;
}

/** What this host is like, for whoever has to know whether it could carry an address. */
export interface VipHost {
  /** Its interfaces now; null: they cannot be read. Never throws. */
  look(): Promise<HostAddresses | null>;
  /** What it lacks for carrying any address, as the end of a sentence; null: nothing. Never throws. */
  findMissing(): Promise<string | null>;
}
