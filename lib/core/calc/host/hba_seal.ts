/**
 * Whether lines of pg_hba.conf keep an instance sealed: clients come through the
 * proxy beside it, which means from a loopback address, and so does everybody
 * whom the proxy lets in. Other hosts only replicate, or are the agents of the
 * other members.
 *
 * Lines are judged one by one, also those that an earlier line makes
 * unreachable. It reads, it never writes: the lines are the operator's.
 *
 * Source: PostgreSQL 17 manual, "The pg_hba.conf File".
 */

import type { HbaRule } from "../../model/hba_rule.ts";

/** How a line breaks the seal. */
export type SealBreach =
  /** Other hosts' clients get in beside the proxy. */
  | "beside_the_proxy"
  /** Whoever reaches the proxy gets in without proof of who it is. */
  | "without_proof";

/** Methods that believe what a connection from this host says of itself. */
const CREDULOUS: ReadonlySet<string> = new Set(["trust", "ident"]);
/** Names that stand for this host alone. */
const THIS_HOST: ReadonlySet<string> = new Set(["localhost", "samehost"]);

/**
 * What is wrong with a line; null: nothing.
 *
 * @param agents Users of the agents, who may come from the other members.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const rule = {
 *   type: "host", databases: ["all"], users: ["all"],
 *   address: "10.0.0.0", bits: 8, method: "scram-sha-256",
 * };
 * assert.equal(sealBreach(rule, ["postgres"]), "beside_the_proxy");
 * assert.equal(sealBreach({ ...rule, users: ["postgres"] }, ["postgres"]), null);
 * ```
 */
export function sealBreach(
  rule: HbaRule,
  agents: readonly string[],
): SealBreach | null {
  if (rule.type === "local" || rule.method === "reject") return null;
  if (CREDULOUS.has(rule.method) && coversLoopback(rule)) {
    return "without_proof";
  }
  const isReplication = rule.databases.every((name) => name === "replication");
  const isAgents = rule.users.every((name) => agents.includes(name));
  const isThisHost = isLoopbackOnly(rule);
  return isReplication || isAgents || isThisHost ? null : "beside_the_proxy";
}

/** Whether clients of the proxy can come in by this line. */
export function letsProxyIn(rule: HbaRule): boolean {
  const isForClients = rule.databases.some((name) => name !== "replication");
  return rule.type !== "local" && rule.method !== "reject" && isForClients &&
    coversLoopback(rule);
}

/** What a line would have to be instead, as the end of "wanted ...". */
export function wantedInSeal(
  breach: SealBreach,
  agents: readonly string[],
): string {
  return breach === "without_proof"
    ? "a method that asks for proof, such as scram-sha-256, because with " +
      "proxy.sealed everybody whom the proxy lets in comes from the loopback"
    : `database replication or only users of the agents (${
      agents.join(", ")
    }) from other hosts, because with proxy.sealed clients come through the ` +
      "proxy, from the loopback";
}

function isLoopbackOnly({ address, bits }: HbaRule): boolean {
  if (THIS_HOST.has(address)) return true;
  if (address === "::1") return bits === 128;
  return address.startsWith("127.") && bits !== null && bits >= 8;
}

function coversLoopback(rule: HbaRule): boolean {
  const { address, bits } = rule;
  if (address === "all" || address === "samenet") return true;
  if (isLoopbackOnly(rule) || bits === 0) return true;
  if (bits === null) return false;
  if (address.includes(":")) return coversV6Loopback(address, bits);
  // 127.0.0.1 in fewer than eight bits: 64.0.0.0/2, 96.0.0.0/3 ...
  const first = Number(address.split(".")[0]);
  return bits < 8 && first >> (8 - bits) === 127 >> (8 - bits);
}

/** An address that cannot be read counts as one that does. */
function coversV6Loopback(address: string, bits: number): boolean {
  const [text = ""] = address.split("%");
  const plain = URL.parse(`http://[${text}]`)?.hostname.slice(1, -1);
  const [left = "", right] = (plain ?? "").split("::");
  const [head, tail] = [left, right ?? ""].map((half) =>
    half.split(":").filter((group) => group !== "")
  );
  if (plain === undefined || head === undefined || tail === undefined) {
    return true;
  }
  const middle = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  const groups = [...head, ...middle, ...tail];
  return groups.every((group, at) => {
    const shift = 16 - Math.min(16, Math.max(0, bits - 16 * at));
    const wanted = at === 7 ? 1 : 0;
    return parseInt(String(group), 16) >> shift === wanted >> shift;
  });
}
