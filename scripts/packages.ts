/**
 * Makes sure that programs are there, as packages of the distribution:
 * `packages.ts postgresql etcd-server ...`, names out of PACKAGES.
 *
 * Only as root on a machine with apt-get does it install anything, and says
 * so. What it installs is left switched off: no distribution service, no
 * default database, because tests and lab bring up their own.
 */

import { join } from "node:path";

interface Package {
  readonly name: string;
  readonly what: string;
  readonly isThere: () => boolean;
  /** systemd units that the package would start. */
  readonly units: readonly string[];
}

/** A package that is there if its program is, and that starts nothing. */
function tool(name: string, program: string): Package {
  const isThere = () => isOnPath(program);
  return { name, what: program, isThere, units: [] };
}

const POSTGRES_ROOT = "/usr/lib/postgresql";
const POLICY = "/usr/sbin/policy-rc.d";
const LOCK_S = 300;
const NO_CLUSTER = "/etc/postgresql-common/createcluster.d/matriarch.conf";

const PACKAGES: readonly Package[] = [
  {
    name: "postgresql",
    what: "PostgreSQL",
    isThere: hasPostgres,
    units: ["postgresql.service"],
  },
  {
    name: "etcd-server",
    what: "etcd",
    isThere: () => isOnPath("etcd"),
    units: ["etcd.service"],
  },
  {
    name: "prometheus",
    what: "promtool",
    isThere: () => isOnPath("promtool"),
    units: ["prometheus.service"],
  },
  {
    name: "haproxy",
    what: "HAProxy",
    isThere: () => isOnPath("haproxy"),
    units: ["haproxy.service"],
  },
  {
    name: "redis-server",
    what: "Redis",
    isThere: () => isOnPath("redis-server"),
    units: ["redis-server.service"],
  },
  tool("barman", "barman"),
  tool("barman-cli", "barman-wal-restore"),
  tool("chromium", "chromium"),
  tool("debootstrap", "debootstrap"),
  tool("default-jre-headless", "java"),
  tool("etcd-client", "etcdctl"),
  tool("faketime", "faketime"),
  tool("fish", "fish"),
  tool("help2man", "help2man"),
  tool("iproute2", "ip"),
  tool("iputils-arping", "arping"),
  tool("lintian", "lintian"),
  {
    name: "locales",
    what: "sources of locales",
    isThere: () => isFile("/usr/share/i18n/locales/de_DE"),
    units: [],
  },
  tool("nftables", "nft"),
  tool("openssl", "openssl"),
  {
    name: "pgbouncer",
    what: "PgBouncer",
    isThere: () => isOnPath("pgbouncer"),
    units: ["pgbouncer.service"],
  },
  {
    name: "libpostgresql-jdbc-java",
    what: "PostgreSQL's JDBC driver",
    isThere: () => isFile("/usr/share/java/postgresql.jar"),
    units: [],
  },
  tool("pgbackrest", "pgbackrest"),
  {
    name: "python3-asyncpg",
    what: "asyncpg",
    isThere: () => isFile("/usr/lib/python3/dist-packages/asyncpg/__init__.py"),
    units: [],
  },
  tool("strace", "strace"),
  {
    name: "zookeeper",
    what: "ZooKeeper",
    isThere: () => isOnPath("java") && isFile("/usr/share/java/zookeeper.jar"),
    units: ["zookeeper.service"],
  },
  tool("zsh", "zsh"),
  tool("systemd", "systemd-analyze"),
];

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function isOnPath(program: string): boolean {
  const path = Deno.env.get("PATH") ?? "";
  return path.split(":").some((folder) => isFile(join(folder, program)));
}

/** Debian keeps the server programs per major version, outside PATH. */
function hasPostgres(): boolean {
  if (isOnPath("initdb")) return true;
  try {
    return [...Deno.readDirSync(POSTGRES_ROOT)].some((version) =>
      isFile(join(POSTGRES_ROOT, version.name, "bin", "initdb"))
    );
  } catch {
    return false;
  }
}

async function apt(args: readonly string[]): Promise<boolean> {
  const child = new Deno.Command("apt-get", {
    // Another apt-get, such as a nightly upgrade's, is waited for.
    args: ["-q", "-y", "-o", `DPkg::Lock::Timeout=${LOCK_S}`, ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    // What a caller prints as its result stays free of apt's talk.
    stdout: "piped",
    stderr: "inherit",
  });
  return (await child.output()).success;
}

/** Runs `action` while the packages' services may not be started. */
async function withoutServices(action: () => Promise<void>): Promise<void> {
  const isOurs = !isFile(POLICY);
  if (isOurs) {
    await Deno.writeTextFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  }
  try {
    await action();
  } finally {
    if (isOurs) await Deno.remove(POLICY);
  }
}

/** So that the package makes no data directory of its own. */
async function forbidDefaultCluster(): Promise<void> {
  if (!await apt(["install", "--no-install-recommends", "postgresql-common"])) {
    fail("Cannot install the package postgresql-common (see above)");
  }
  await Deno.mkdir(join(NO_CLUSTER, ".."), { recursive: true });
  await Deno.writeTextFile(NO_CLUSTER, "create_main_cluster = false\n");
}

async function disableUnits(missing: readonly Package[]): Promise<void> {
  const units = missing.flatMap((one) => one.units);
  if (units.length === 0 || !isOnPath("systemctl")) return;
  const systemctl = new Deno.Command("systemctl", {
    args: ["disable", "--quiet", ...units],
    stdout: "null",
    stderr: "null",
  });
  // Where systemd does not run there is nothing to switch off.
  await systemctl.output();
}

async function install(missing: readonly Package[]): Promise<void> {
  const names = missing.map((one) => one.name);
  console.error(`packages: installing ${names.join(" and ")}`);
  await withoutServices(async () => {
    await apt(["update"]);
    if (names.includes("postgresql")) await forbidDefaultCluster();
    if (!await apt(["install", "--no-install-recommends", ...names])) {
      fail(`Cannot install the packages ${names.join(", ")} (see above)`);
    }
  });
  await disableUnits(missing);
}

function fail(message: string): never {
  console.error(`packages: ${message}`);
  Deno.exit(1);
}

async function ensure(wanted: readonly string[]): Promise<void> {
  const names = PACKAGES.map((one) => one.name);
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) fail(`unknown: ${unknown.join(", ")}`);
  const missing = PACKAGES.filter((one) =>
    wanted.includes(one.name) && !one.isThere()
  );
  if (missing.length === 0) return;
  const what = missing.map((one) => one.what).join(" and ");
  if (Deno.uid() !== 0 || !isOnPath("apt-get")) {
    fail(
      `${what} must be installed first, and only root can do that. On ` +
        `Debian: apt-get install ${missing.map((one) => one.name).join(" ")}`,
    );
  }
  await install(missing);
  const still = missing.filter((one) => !one.isThere());
  if (still.length > 0) {
    fail(`${still.map((one) => one.what).join(" and ")} is still missing`);
  }
}

if (import.meta.main) await ensure(Deno.args);
