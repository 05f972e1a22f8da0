/**
 * The same bench with Patroni as the agent, set up the way its users do it:
 * HAProxy in front, and a callback that moves the virtual address.
 */
import { PYTHON_PATH } from "../../compat/programs.ts";
import type { BenchOptions, FaultBench } from "./bench.ts";
import type { Lane } from "./history.ts";
import { launch } from "./launch.ts";
import { PORTS } from "./member.ts";

/** What a scope of Patroni members needs beyond the bench's own. */
export const PATRONI: BenchOptions = {
  program: ["/usr/bin/python3", "-m", "patroni"],
  env: { PYTHONPATH: PYTHON_PATH },
};

/** A callback as users write it: called with action, role and scope. */
const CALLBACK = `#!/bin/sh
case "$1 $2" in
  on_stop*) what=delete ;;
  *primary | *master | *promoted) what=add ;;
  *) what=delete ;;
esac
ip address $what VIP/32 dev eth0
[ $what = delete ] || arping -q -c 1 -A -I eth0 VIP
`;

/** Makes each member's agent move the VIP by callback from its next start on. */
export async function moveVipByCallback(
  bench: FaultBench,
): Promise<void> {
  const path = `${bench.directory}/tmp/callback`;
  const text = CALLBACK.replaceAll("VIP", bench.vip);
  await Deno.writeTextFile(path, text, { mode: 0o755 });
  const events = ["on_start", "on_stop", "on_role_change"];
  for (const member of bench.members) {
    const postgresql = Object(member.config["postgresql"]);
    const callbacks = Object.fromEntries(events.map((event) => [event, path]));
    member.config = {
      ...member.config,
      postgresql: { ...postgresql, callbacks },
    };
  }
}

/** HAProxy on the client host, as Patroni's documentation sets it up; the lane through it. */
export async function startHaproxy(bench: FaultBench): Promise<Lane> {
  const path = `${bench.directory}/tmp/haproxy.cfg`;
  const servers = bench.members.map(({ name, host }) =>
    `  server ${name} ${host.address}:${PORTS.postgres} ` +
    `maxconn 100 check port ${PORTS.rest}\n`
  );
  await Deno.writeTextFile(path, HAPROXY + servers.join(""));
  launch({
    host: bench.client,
    command: ["/usr/sbin/haproxy", "-db", "-f", path],
    env: {},
    log: `${bench.directory}/tmp/haproxy.log`,
    mayCarryAddresses: false,
  });
  const { address: host } = bench.client;
  return { name: "haproxy", host, port: PORTS.primary };
}

const HAPROXY = `defaults
  mode tcp
  retries 2
  timeout client 30m
  timeout connect 4s
  timeout server 30m
  timeout check 5s
listen primary
  bind *:${PORTS.primary}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
`;
