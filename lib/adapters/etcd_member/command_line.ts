/**
 * etcd's words for a member. All settings stand in the command line: variables of
 * the environment are not handed on, and no file is read.
 *
 * Source: etcd 3.5, "Configuration options".
 */
import type { EtcdStart } from "../../core/model/etcd_member.ts";
import type {
  EtcdMemberSettings,
  EtcdTlsFiles,
} from "../../core/model/etcd_member.ts";
import { dataPath } from "./paths.ts";

/** Old revisions are of no use to a member that watches. */
const RETENTION = "10m";

/** Words after the program's name. */
export function etcdArguments(
  options: EtcdMemberSettings,
  how: EtcdStart,
): readonly string[] {
  return [
    `--name=${options.name}`,
    `--data-dir=${dataPath(options.dataDir)}`,
    `--listen-client-urls=${options.clientListenUrl}`,
    `--advertise-client-urls=${options.clientUrl}`,
    `--listen-peer-urls=${options.peerListenUrl}`,
    `--initial-advertise-peer-urls=${options.peerUrl}`,
    ...beginning(options, how),
    `--heartbeat-interval=${options.heartbeatMs}`,
    `--election-timeout=${options.electionMs}`,
    `--quota-backend-bytes=${options.quotaBytes}`,
    "--auto-compaction-mode=periodic",
    `--auto-compaction-retention=${RETENTION}`,
    "--strict-reconfig-check=true",
    "--pre-vote=true",
    "--logger=zap",
    "--log-level=warn",
    "--log-outputs=stderr",
    ...serverTls(options.serverTls),
    ...peerTls(options.peerTls),
  ];
}

/** Words that count at a member's very first start only, or for one start. */
const OF_ONE_START = /^--(?:initial-|force-new-cluster)/;

/**
 * What of a running member's words is otherwise in `options`: one text each.
 *
 * @param words After the program's name.
 */
export function otherWords(
  words: readonly string[],
  options: EtcdMemberSettings,
): readonly string[] {
  const [had, wanted] = [words, etcdArguments(options, { kind: "again" })]
    .map((each) =>
      new Map(
        each.filter((word) => !OF_ONE_START.test(word)).map(keyAndValue),
      )
    );
  const keys = new Set([...had?.keys() ?? [], ...wanted?.keys() ?? []]);
  return [...keys].flatMap((key) => {
    const [before, now] = [had?.get(key), wanted?.get(key)];
    if (before === now) return [];
    return [`${key} ${before ?? "not set"} instead of ${now ?? "not set"}`];
  });
}

function keyAndValue(word: string): readonly [string, string] {
  const [, key = word, value = ""] = /^--([^=]*)=(.*)$/s.exec(word) ?? [];
  return [key, value];
}

/** A member with data takes no notice of who was there at the beginning. */
function beginning(
  { name, peerUrl }: EtcdMemberSettings,
  how: EtcdStart,
): readonly string[] {
  const members = how.kind === "found" || how.kind === "join"
    ? how.members
    : [{ name, peerUrl }];
  const cluster = members.map((one) => `${one.name}=${one.peerUrl}`);
  const state = how.kind === "found" ? "new" : "existing";
  return [
    `--initial-cluster=${cluster.join(",")}`,
    `--initial-cluster-state=${state}`,
    ...(how.kind === "force" ? ["--force-new-cluster=true"] : []),
  ];
}

function serverTls(tls: EtcdTlsFiles | null): readonly string[] {
  return tls === null ? [] : [
    `--cert-file=${tls.cert}`,
    `--key-file=${tls.key}`,
    `--trusted-ca-file=${tls.ca}`,
    "--client-cert-auth=true",
  ];
}

function peerTls(tls: EtcdTlsFiles | null): readonly string[] {
  return tls === null ? [] : [
    `--peer-cert-file=${tls.cert}`,
    `--peer-key-file=${tls.key}`,
    `--peer-trusted-ca-file=${tls.ca}`,
    "--peer-client-cert-auth=true",
  ];
}
