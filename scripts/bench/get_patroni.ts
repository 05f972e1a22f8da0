/**
 * Gets the other side of the benchmark: Patroni from Debian's unstable suite
 * (unpacked into a folder, not installed), and from this machine's own suite
 * the Python packages it needs, HAProxy, etcd and PostgreSQL. As root; without
 * root everything has to be there already.
 */

/** Programs and modules that must be there, with the packages that bring them. */
const NEEDS: readonly { readonly path: string; readonly name: string }[] = [
  { path: "/usr/sbin/haproxy", name: "haproxy" },
  { path: "/usr/bin/etcd", name: "etcd-server" },
  { path: "/usr/lib/postgresql", name: "postgresql" },
  ...[
    ["psycopg2", "python3-psycopg2"],
    ["yaml", "python3-yaml"],
    ["urllib3", "python3-urllib3"],
    ["dateutil", "python3-dateutil"],
    ["prettytable", "python3-prettytable"],
    ["click", "python3-click"],
    ["psutil", "python3-psutil"],
    ["dns", "python3-dnspython"],
    ["etcd", "python3-etcd"],
  ].map(([module, name]) => ({
    path: `/usr/lib/python3/dist-packages/${module}`,
    name: name ?? "",
  })),
];

const SUITE = "sid";

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

async function run(command: string, args: string[], cwd = "/"): Promise<void> {
  const { code } = await new Deno.Command(command, {
    args,
    cwd,
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}`);
}

async function installNeeds(): Promise<void> {
  const missing = NEEDS.filter((need) => !exists(need.path));
  if (missing.length === 0) return;
  const names = missing.map((need) => need.name);
  if (Deno.uid() !== 0) {
    throw new Error(`Install these packages first: ${names.join(" ")}`);
  }
  console.error(`bench: installing ${names.join(" ")}`);
  // Somebody else may just be installing something.
  const patience = ["-o", "DPkg::Lock::Timeout=300"];
  await run("apt-get", [...patience, "update", "-qq"]);
  await run("apt-get", [
    ...patience,
    "install",
    "-y",
    "-qq",
    "--no-install-recommends",
    ...names,
  ]);
}

/** The mirror this machine uses, from its own apt configuration. */
async function mirror(): Promise<string> {
  const { stdout } = await new Deno.Command("apt-get", {
    args: ["indextargets", "--format", "$(SITE)", "Created-By: Packages"],
  }).output();
  const site = new TextDecoder().decode(stdout).split("\n")[0]?.trim();
  if (!site) throw new Error("Cannot find this machine's package mirror");
  return site;
}

/** Where a package comes from and goes to. */
export interface PackagePlace {
  /** Debian's suite, for example `sid`. */
  readonly suite: string;
  /** Made if it is missing. */
  readonly dir: string;
}

/** Unpacks a package of another suite; installs nothing. */
export async function unpackPackage(
  name: string,
  place: PackagePlace,
): Promise<void> {
  await unpackPackages([name], place);
}

/** Unpacks several packages of one suite into one folder. */
export async function unpackPackages(
  names: readonly string[],
  { suite, dir }: PackagePlace,
): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  await withSuite({ suite, types: "deb" }, async (state, apt) => {
    await apt("download", ...names);
    for (const entry of Deno.readDirSync(state)) {
      if (!entry.name.endsWith(".deb")) continue;
      await run("dpkg", ["-x", entry.name, dir], state);
    }
  });
}

/** Unpacks what a package of another suite was built from, as its authors gave it out. */
export async function unpackSource(
  name: string,
  { suite, dir }: PackagePlace,
): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  await withSuite({ suite, types: "deb-src" }, async (state, apt) => {
    await apt("source", "--download-only", "--tar-only", name);
    for (const entry of Deno.readDirSync(state)) {
      if (!/\.orig\.tar\.[a-z0-9]+$/.test(entry.name)) continue;
      const words = ["-xf", entry.name, "--strip-components=1", "-C", dir];
      await run("tar", words, state);
    }
  });
}

/** Calls apt-get in a folder of its own, for one suite. */
async function withSuite(
  { suite, types }: {
    readonly suite: string;
    readonly types: "deb" | "deb-src";
  },
  use: (
    state: string,
    apt: (...words: readonly string[]) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const state = await Deno.makeTempDir({ prefix: "matriarch-apt-" });
  try {
    const source =
      `Types: ${types}\nURIs: ${await mirror()}\nSuites: ${suite}\n` +
      "Components: main\n" +
      "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";
    await Deno.mkdir(`${state}/lists/partial`, { recursive: true });
    await Deno.mkdir(`${state}/cache/archives/partial`, { recursive: true });
    await Deno.writeTextFile(`${state}/suite.sources`, source);
    const options = [
      `Dir::Etc::sourcelist=${state}/suite.sources`,
      "Dir::Etc::sourceparts=/dev/null",
      `Dir::State::Lists=${state}/lists`,
      `Dir::Cache=${state}/cache`,
      "APT::Sandbox::User=",
    ].flatMap((option) => ["-o", option]);
    const apt = (...words: readonly string[]) =>
      run("apt-get", ["-qq", ...options, ...words], state);
    await apt("update");
    await use(state, apt);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

/**
 * Makes sure that Patroni can run.
 *
 * @param dir Folder that keeps the unpacked package between runs.
 * @returns The folder to name in PYTHONPATH.
 */
export async function getPatroni(dir: string): Promise<string> {
  await installNeeds();
  const python = `${dir}/usr/lib/python3/dist-packages`;
  if (!exists(`${python}/patroni`)) {
    console.error(`bench: unpacking patroni of Debian ${SUITE} into ${dir}`);
    await unpackPackage("patroni", { suite: SUITE, dir });
  }
  return python;
}
