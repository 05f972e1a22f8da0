/** What `init`, `join` and a renewal work with. */
import type { Certificates } from "../ports/certificates.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { DeskCall, DeskReply, SetupHost } from "../ports/setup.ts";
import type { StoreSection } from "./blueprint.ts";

/** What setting a host up works with. */
export interface SetupWorld {
  readonly host: SetupHost;
  readonly certificates: Certificates;
  /** Absolute path of this program. */
  readonly program: string;
  /** The keys of a scope. @throws {Error} If the section cannot be used. */
  openStore(store: StoreSection, scope: ScopePlace): Promise<Dcs>;
  /** Whether etcd comes along with this program, or is installed. */
  hasEtcd(): Promise<boolean>;
  /** Asks a member for a certificate; never throws. */
  askDesk(call: DeskCall): Promise<DeskReply>;
}

/** Which scope. */
export interface ScopePlace {
  readonly scope: string;
  readonly namespace: string | null;
}
