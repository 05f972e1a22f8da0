/**
 * Docker's engine for the tests: Debian's packages, unpacked and not installed.
 * `deno run -A scripts/containers/engine.ts` gets it where it is missing.
 */
import { fileURLToPath } from "node:url";
import { unpackPackages } from "../bench/get_patroni.ts";

/** Where it is unpacked. */
export const ENGINE = fileURLToPath(
  new URL("../../.cache/containers/engine", import.meta.url),
);

/** Compose v2: Debian 12 has the older one, in Python, only. */
export const COMPOSE =
  `${ENGINE}/compose/usr/libexec/docker/cli-plugins/docker-compose`;

const SUITE = "bookworm";
const COMPOSE_SUITE = "trixie";
const PACKAGES = [
  ...["docker.io", "containerd", "runc", "tini", "iptables"],
  ...["libip4tc2", "libip6tc2", "libxtables12", "libnftnl11", "libmnl0"],
  ...["libnfnetlink0", "libnetfilter-conntrack3", "libdevmapper1.02.1"],
];

/** Whether it was unpacked. */
export function hasEngine(): boolean {
  return [`${ENGINE}/usr/sbin/dockerd`, COMPOSE].every((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** Unpacks it if there is none. */
export async function getEngine(): Promise<void> {
  if (hasEngine()) return;
  console.error(`tests: unpacking docker.io of Debian ${SUITE}`);
  await unpackPackages(PACKAGES, { suite: SUITE, dir: ENGINE });
  const dir = `${ENGINE}/compose`;
  await unpackPackages(["docker-compose"], { suite: COMPOSE_SUITE, dir });
}

if (import.meta.main) {
  try {
    await getEngine();
  } catch (error) {
    console.error(`tests: Docker's engine cannot be had: ${error}`);
    if (Deno.env.get("CI") === "true") Deno.exit(1);
  }
}
