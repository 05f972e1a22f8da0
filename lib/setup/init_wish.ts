/** What `init` is called for. */
import type { AdoptWish } from "./adopt/wish.ts";
import type { StoreSection } from "./blueprint.ts";
import type { SetupPlaces } from "./layout.ts";

/** What the operator wants. */
export interface InitWish {
  readonly scope: string;
  readonly namespace: string | null;
  /** Null: the host's own name. */
  readonly name: string | null;
  readonly address: string;
  readonly vip: string | null;
  readonly user: string;
  readonly pgBin: string | null;
  readonly places: SetupPlaces;
  readonly store: StoreSection;
  /** Null: a PostgreSQL that is there is left alone. */
  readonly adopt: AdoptWish | null;
  readonly isDryRun: boolean;
  readonly isStarted: boolean;
}
