/** Own part of a host whose server was there before the cluster. */
import type { SharedDocument } from "./shared_document.ts";

/** What a member's file says of a server that was there before it. */
export interface AdoptedPart {
  readonly port: number;
  /** Addresses and the port. */
  readonly listen: string;
  /** Its configuration outside of the data directory; null: it is inside. */
  readonly customConf: string | null;
  /** As in `unix_socket_directories`. */
  readonly socketDirs: string;
  /** What of `bootstrap.dcs` comes from it. */
  readonly shared: SharedDocument;
}
