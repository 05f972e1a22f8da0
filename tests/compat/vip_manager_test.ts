/**
 * vip-manager follows our members, through the REST API and through the leader
 * key. As root, in a network namespace of its own with one interface for each
 * member; the tests run there as an ordinary user that may set addresses.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { exists, VIP_MANAGER } from "./programs.ts";

const ADDRESS = "10.77.1.100";
const INSIDE = "MATRIARCH_VIP_NETWORK";
const CAPABILITIES = "+net_admin,+net_raw";

/** Makes the network, then becomes the ordinary user. */
const ENTER = `set -e
ip link set lo up
for i in 1 2 3; do
  ip link add v$i type veth peer name peer$i
  ip link set v$i up
  ip link set peer$i up
done
exec setpriv --reuid postgres --regid postgres --init-groups \\
  --inh-caps ${CAPABILITIES} --ambient-caps ${CAPABILITIES} "$@"
`;

if (Deno.env.has(INSIDE)) registerInside();
else registerOutside();

function skipReason(): string | null {
  if (Deno.uid() !== 0) return "only root can make a network";
  if (exists(VIP_MANAGER)) return null;
  if (Deno.env.get("CI") === "true") throw new Error(`no ${VIP_MANAGER}`);
  return `${VIP_MANAGER} is missing; deno task test:compat gets it`;
}

function registerOutside(): void {
  const skip = skipReason();
  const name = "vip-manager, in a network of its own" +
    (skip === null ? "" : `: ${skip}`);
  Deno.test({ name, ignore: skip !== null }, async () => {
    const home = await Deno.makeTempDir({ prefix: "matriarch-home-" });
    try {
      await Deno.chmod(home, 0o777);
      const { code } = await new Deno.Command("unshare", {
        args: [
          ...["--net", "sh", "-c", ENTER, "sh", Deno.execPath(), "test"],
          ...["--allow-all", "--node-modules-dir=manual", "--no-check"],
          ...["--frozen", new URL(import.meta.url).pathname],
        ],
        cwd: new URL("../../", import.meta.url).pathname,
        env: { [INSIDE]: "1", HOME: home, DENO_DIR: `${home}/deno` },
        stdin: "null",
      }).spawn().status;
      assert.equal(code, 0);
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  });
}

function registerInside(): void {
  Deno.test("vip-manager follows our members", async (t) => {
    await using cluster = await AgentCluster.running({ dcs: "etcd" });
    const [n1, n2, n3] = cluster.members;
    assert.ok(n1 !== undefined && n2 !== undefined && n3 !== undefined);
    const managers = [
      startManager("v1", overRest(n1)),
      startManager("v2", overRest(n2)),
      startManager("v3", overEtcd(cluster, n3)),
    ];
    try {
      await carries(t, { cluster, member: n1, how: "REST" });
      await switchOver(cluster, n1, n2);
      await carries(t, { cluster, member: n2, how: "REST, moved" });
      await switchOver(cluster, n2, n3);
      await carries(t, { cluster, member: n3, how: "the leader key" });
    } finally {
      for (const manager of managers) {
        manager.kill("SIGTERM");
        await manager.status;
      }
    }
  });
}

function overRest({ place }: AgentMember): readonly string[] {
  return [
    ...["--dcs-type", "patroni", "--trigger-key", "/leader"],
    ...["--trigger-value", "200"],
    ...["--dcs-endpoints", `http://127.0.0.1:${place.restPort}/`],
  ];
}

function overEtcd(
  { etcd }: AgentCluster,
  { name }: AgentMember,
): readonly string[] {
  return [
    ...["--dcs-type", "etcd", "--trigger-key", "/service/batman/leader"],
    ...["--trigger-value", name],
    ...["--dcs-endpoints", etcd?.endpoints.join() ?? ""],
  ];
}

function startManager(
  networkInterface: string,
  trigger: readonly string[],
): Deno.ChildProcess {
  return new Deno.Command(VIP_MANAGER, {
    args: [
      ...["--ip", ADDRESS, "--netmask", "24"],
      ...["--interface", networkInterface, "--interval", "500", ...trigger],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** The interfaces that carry the address. */
async function carriers(): Promise<string> {
  const { stdout } = await new Deno.Command("ip", {
    args: ["-o", "-4", "address", "show", "to", ADDRESS],
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return lines.map((line) => line.split(/\s+/)[1] ?? "").join();
}

async function carries(
  t: Deno.TestContext,
  wanted: {
    readonly cluster: AgentCluster;
    readonly member: AgentMember;
    readonly how: string;
  },
): Promise<void> {
  const { cluster, member, how } = wanted;
  await step(t, `${member.name} alone has the address: ${how}`, async () => {
    const own = member.name.replace("n", "v");
    await cluster.until(`${own} alone`, async () => await carriers() === own);
  });
}

async function switchOver(
  cluster: AgentCluster,
  from: AgentMember,
  to: AgentMember,
): Promise<void> {
  const { status, text } = await from.rest("/switchover", {
    method: "POST",
    body: { leader: from.name, candidate: to.name },
  });
  assert.equal(status, 200, text);
  await cluster.untilWhole();
}
