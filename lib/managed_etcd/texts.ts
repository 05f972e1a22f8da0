/** What an operator is told of the member of etcd on this host. */
import type {
  EtcdRefusal,
  EtcdStart,
  EtcdWait,
} from "../core/model/etcd_member.ts";

/** What it waits for; null: nothing that is worth a word. */
export function waitText(what: EtcdWait): string | null {
  switch (what) {
    case "answer":
    case "next_start":
      return null;
    case "cluster":
      return "etcd: nobody of the cluster that this host is to join answers " +
        "with a quorum; trying on";
    case "other_change":
      return "etcd: another member is just being added; this host waits for it";
    case "voters":
      return "etcd: this host has caught up, but too few members run for one " +
        "more vote";
    case "quorum":
      return "etcd: this member runs, but has no quorum: too few of the " +
        "members run or reach each other. If they cannot come back, see " +
        "`matriarch etcd restore --force-new-cluster`";
  }
}

/** Why nothing is done, and the remedy. */
export function refusalText(why: EtcdRefusal): string {
  switch (why) {
    case "no_order":
      return "etcd: this host has no data of etcd and no order to make any: " +
        "found a cluster with `matriarch etcd found`, or join one with " +
        "`matriarch etcd join ADDRESS`";
    case "not_a_founder":
      return "etcd: the order names founders of a cluster, and this host's " +
        "name and peer address are not among them";
    case "name_taken":
      return "etcd: the cluster has a member of this host's name at another " +
        "address; remove that one with `matriarch etcd remove NAME`, or give " +
        "this one another name (etcd3.member)";
    case "data_lost":
      return "etcd: the cluster knows this host as a member, but its data are " +
        "gone, so it cannot go on as that: run `matriarch etcd replace NAME` " +
        "with this host's name on a host that has the store";
    case "removed":
      return "etcd: this host was removed from the cluster; to bring it back, " +
        "`matriarch etcd join ADDRESS --discard`";
    case "data_of_other_cluster":
      return "etcd: the data in etcd3.data_dir are another cluster's than " +
        "the one of its order; name another folder, or give them up with " +
        "`matriarch etcd join ADDRESS --discard`";
    case "other_cluster_runs":
      return "etcd: the other hosts run another cluster than the one of this " +
        "host's data, as after a restore; to join it, " +
        "`matriarch etcd join ADDRESS --discard`";
  }
}

/** A process that was adopted runs as it was started. */
export function otherSettingsText(differences: readonly string[]): string {
  return "etcd: it still runs as it was started, with " +
    `${differences.join(", ")}; to change that, \`matriarch etcd restart\`, ` +
    "one host after the other";
}

/** What a start is for. */
export function startText(how: EtcdStart): string {
  switch (how.kind) {
    case "again":
      return "etcd: starting the member of this host";
    case "found": {
      const { length } = how.members;
      return `etcd: founding a cluster of ${length} member${
        length === 1 ? "" : "s"
      }`;
    }
    case "join":
      return "etcd: starting this host's member as a learner of the cluster";
    case "force":
      return "etcd: starting this host's member as the only one, as an " +
        "operator ordered; the others must not come back with their data";
  }
}
