/** What stands in the way of this host's own member of the store. */
import type { HostFacts } from "../ports/setup.ts";
import { takenText } from "./checks.ts";
import { isStorePort } from "./layout.ts";

/** Each a sentence; of no account if another store is used. */
export function storeProblems(
  { taken, storeDirectory }: Pick<HostFacts, "taken" | "storeDirectory">,
  { storeDir, hasEtcd }: {
    readonly storeDir: string;
    /** Whether etcd comes along with this program, or is installed. */
    readonly hasEtcd: boolean;
  },
): readonly string[] {
  const isFree = storeDirectory === "absent" || storeDirectory === "empty";
  return [
    ...(hasEtcd ? [] : [
      "This program was built without etcd and none is installed: install " +
      "etcd-server 3.4 or newer, or name a store by --etcd-hosts or --store",
    ]),
    ...taken.filter(({ port }) => isStorePort(port)).map(takenText),
    ...(isFree ? [] : [
      `${storeDir}, where this host's member of etcd is to keep its data, is ` +
      "not empty: move it away if nobody needs it",
    ]),
  ];
}
