/**
 * Debian's package: runtime and program unpacked below /usr/lib/matriarch, the
 * unit, manual pages, completions and an example. It starts nothing and makes
 * no user: the unit runs as `postgres`, whom PostgreSQL's package brings.
 *
 * Source: Debian Policy 4.6, chapters 3, 5, 9, 10 and 12; dpkg-deb(1).
 */

import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import { ENGINE_FLAGS } from "../engine_flags.ts";
import { manPages, type ManSource } from "./man.ts";
import { LICENCES } from "./etcd.ts";
import { run } from "./run.ts";
import { foldersIn } from "./self_extracting.ts";

/** What goes into the package. */
export interface DebianSource extends ManSource {
  /** The checkout. */
  readonly root: string;
  /** The program folder of `bundle.ts`, with the runtime `deno` in it. */
  readonly stage: string;
  /** Debian's name of the processor, for example `amd64`. */
  readonly arch: string;
}

const SHELLS = [
  ["bash", "usr/share/bash-completion/completions/matriarch"],
  ["zsh", "usr/share/zsh/vendor-completions/_matriarch"],
  ["fish", "usr/share/fish/vendor_completions.d/matriarch.fish"],
] as const;

/** Documents that a host should have when the network is gone. */
const DOCUMENTS = [
  "README.md",
  "docs/install.md",
  "docs/managed_etcd.md",
  "docs/witness.md",
  "docs/configuration.md",
  "docs/runbook.md",
  "docs/safety.md",
  "docs/security.md",
  "docs/migration.md",
  "docs/monitoring/alerts.yml",
  "docs/monitoring/dashboard.json",
];

/** What lintian finds that is meant. */
const OVERRIDES =
  `# The runtime is Deno's own binary, unchanged; it is linked as its makers do.
matriarch: embedded-library
matriarch: hardening-no-relro
matriarch: spelling-error-in-binary
matriarch: unstripped-binary-or-object
# The project has no mailbox yet.
matriarch: bogus-mail-host
matriarch: bogus-mail-host-in-debian-changelog
# It was not made from a source package of Debian's, so no bug of theirs is closed.
matriarch: initial-upload-closes-no-bugs
`;

/**
 * Builds the package as `output`, in the empty folder `tree`.
 *
 * @throws {CommandError} If a program that it needs is missing or fails.
 */
export async function debianPackage(
  source: DebianSource,
  tree: string,
  output: string,
): Promise<void> {
  await installProgram(source, tree);
  await installDocuments(source, tree);
  await writeControl(source, tree);
  await setTimes(tree, source.epoch);
  await run("dpkg-deb", [
    "--root-owner-group",
    "--uniform-compression",
    "-Zgzip",
    "--build",
    tree,
    output,
  ], { env: { SOURCE_DATE_EPOCH: String(source.epoch) } });
}

async function installProgram(
  { root, stage, program }: DebianSource,
  tree: string,
): Promise<void> {
  const pack = join(root, "scripts/pack");
  const launcher = await Deno.readTextFile(join(pack, "matriarch.sh"));
  await write(
    join(tree, "usr/bin/matriarch"),
    launcher.replace("@ENGINE_FLAGS@", ENGINE_FLAGS),
    0o755,
  );
  await install(
    join(pack, "matriarch.service"),
    join(tree, "usr/lib/systemd/system/matriarch.service"),
  );
  for (const folder of foldersIn(stage)) {
    for (const { name } of Deno.readDirSync(join(stage, folder))) {
      if (LICENCES.includes(name)) continue;
      const to = join(tree, "usr/lib/matriarch", folder, name);
      await install(join(stage, folder, name), to);
    }
  }
  const runtime = join(tree, "usr/lib/matriarch/deno");
  await install(join(stage, "deno"), runtime, 0o755);
  for (const [shell, path] of SHELLS) {
    await write(join(tree, path), await run(program, ["completion", shell]));
  }
}

async function installDocuments(
  source: DebianSource,
  tree: string,
): Promise<void> {
  const { root, program, epoch } = source;
  const doc = join(tree, "usr/share/doc/matriarch");
  const license = await Deno.readTextFile(join(root, "LICENSE"));
  await write(join(doc, "copyright"), copyrightText(license));
  for (const path of DOCUMENTS) {
    await install(join(root, path), join(doc, path.replace(/^docs\//, "")));
  }
  const example = join(doc, "examples/matriarch.yml");
  await write(
    example,
    await run(program, ["run", "--generate-sample-config", "/dev/stdout"]),
  );
  const man = join(tree, "usr/share/man/man1");
  await Deno.mkdir(man, { recursive: true });
  const pages = await manPages(source, man);
  const changes = join(doc, "changelog");
  await write(changes, changelogText(source.version, epoch));
  const packed = [changes, ...pages.map((name) => join(man, name))];
  await run("gzip", ["-9", "--no-name", ...packed]);
  await write(join(tree, "usr/share/lintian/overrides/matriarch"), OVERRIDES);
}

async function writeControl(
  { version, arch }: DebianSource,
  tree: string,
): Promise<void> {
  const files = filesBelow(tree);
  const sizes = files.map((file) => Math.ceil(Deno.statSync(file).size / 1024));
  const sums = await Promise.all(files.map(async (file) => {
    const bytes = await Deno.readFile(file);
    const sum = createHash("md5").update(bytes).digest("hex");
    return `${sum}  ${relative(tree, file)}\n`;
  }));
  await write(join(tree, "DEBIAN/md5sums"), sums.join(""));
  await write(
    join(tree, "DEBIAN/control"),
    controlText({ version, arch, sizeKb: sizes.reduce((a, b) => a + b, 0) }),
  );
}

function controlText(
  { version, arch, sizeKb }: {
    readonly version: string;
    readonly arch: string;
    readonly sizeKb: number;
  },
): string {
  return `Package: matriarch
Version: ${version}
Architecture: ${arch}
Maintainer: The Matriarch authors <matriarch@localhost.localdomain>
Installed-Size: ${sizeKb}
Depends: libc6 (>= 2.28), libgcc-s1
Recommends: postgresql, iproute2, iputils-arping
Suggests: etcd-server
Section: database
Priority: optional
Description: high availability for PostgreSQL in one program
 Keeps a cluster of PostgreSQL servers alive: it chooses the leader, fails over,
 routes clients to leader and replicas by a proxy of its own, and owns the
 virtual address. It takes the configuration, the REST API, the command line
 and the keys of Patroni.
`;
}

function changelogText(version: string, epoch: number): string {
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  return `matriarch (${version}) unstable; urgency=medium

  * See README.md for what this version does.

 -- The Matriarch authors <matriarch@localhost.localdomain>  ${date}
`;
}

/** Machine-readable, Debian's form. */
function copyrightText(license: string): string {
  const [, body = ""] = license.split(/Copyright .*\n\n/);
  const lines = body.trim().split("\n").map((line) =>
    line === "" ? " ." : ` ${line}`
  );
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Matriarch

Files: *
Copyright: 2026 The Matriarch authors
License: Expat
${lines.join("\n")}

Files: usr/lib/matriarch/etcd/*
Copyright: 2013-2017 The etcd Authors
License: Apache-2.0
 etcd, as Debian's package etcd-server has it, unchanged. On Debian systems the
 text of the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.
`;
}

async function install(from: string, to: string, mode = 0o644): Promise<void> {
  await Deno.mkdir(join(to, ".."), { recursive: true });
  await Deno.copyFile(from, to);
  await Deno.chmod(to, mode);
}

async function write(path: string, text: string, mode = 0o644): Promise<void> {
  await Deno.mkdir(join(path, ".."), { recursive: true });
  await Deno.writeTextFile(path, text);
  await Deno.chmod(path, mode);
}

function filesBelow(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? filesBelow(path) : [path];
  }).toSorted();
}

async function setTimes(folder: string, epoch: number): Promise<void> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isDirectory) {
      await Deno.chmod(path, 0o755);
      await setTimes(path, epoch);
    }
    await Deno.utime(path, epoch, epoch);
  }
}
