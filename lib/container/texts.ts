/** What a container's operator is told before its agent runs. */
import type { ContainerWait } from "../core/model/container.ts";

/** What it waits for, and what helps. */
export function containerWaitText(what: ContainerWait): string {
  switch (what.kind) {
    case "founders":
      return "A cluster is founded when all of MATRIARCH_PEERS say that their " +
        `volumes are empty; no answer yet from ${what.silent.join(", ")}`;
    case "other_plan":
      return `${what.names.join(", ")} and this container name different ` +
        "clusters or different MATRIARCH_PEERS: give all of them the same";
    case "cluster":
      return "This container's volume is empty and the cluster has been " +
        "founded, so it joins when a majority of etcd's members answers: " +
        `start ${what.members.join(", ")}`;
    case "namesake":
      return "Another container that runs has this one's name: stop it, or " +
        "give this one another MATRIARCH_NAME";
    case "quorum":
      return "This container's volume was lost, and without it too few " +
        "members of etcd run to let it in anew: start the others first";
  }
}
