/**
 * Makes what is handed to others, in `dist/`:
 *
 *     matriarch_VERSION_ARCH.deb               for hosts with Debian's packages
 *     matriarch-VERSION-linux-CPU.tar.gz       for hosts without a network
 *
 * Two builds of one commit make the same bytes. Options: --output FOLDER (dist),
 * --sign KEYFILE (an ssh key; signs SHA256SUMS of the archive), --etcd PATH|none.
 */

import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import denoJson from "../deno.json" with { type: "json" };
import { bundleInto } from "./pack/bundle.ts";
import { debianPackage } from "./pack/debian.ts";
import { etcdPackageVersion, etcdSourceOf, packEtcd } from "./pack/etcd.ts";
import { CommandError, run } from "./pack/run.ts";
import { sbom } from "./pack/sbom.ts";
import { packSelfExtracting } from "./pack/self_extracting.ts";
import { tarGz } from "./pack/archive.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "..");
const VERSION = denoJson.version;

/** Debian's names of the processors that Deno is built for. */
const ARCH = { x86_64: "amd64", aarch64: "arm64" } as const;

interface Options {
  readonly output: string;
  readonly sign: string | null;
  /** PATH, or none. */
  readonly etcd: string | undefined;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      "output": { type: "string", default: join(ROOT, "dist") },
      "sign": { type: "string" },
      "etcd": { type: "string" },
    },
  });
  const { etcd, output, sign = null } = values;
  return { output: resolve(output), sign, etcd };
}

/** The moment of the commit; what is not from a checkout has its own clock. */
async function epochOf(): Promise<number> {
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  return Number(await run("git", ["-C", ROOT, "log", "-1", "--format=%ct"]));
}

async function archive(
  work: string,
  { program, epoch, sign, etcd }: {
    readonly program: string;
    readonly etcd: string | null;
    readonly epoch: number;
    readonly sign: string | null;
  },
): Promise<{ readonly name: string; readonly file: string }> {
  const name = `matriarch-${VERSION}-linux-${Deno.build.arch}`;
  const folder = join(work, name);
  await Deno.mkdir(folder);
  await Deno.copyFile(program, join(folder, "matriarch"));
  await Deno.chmod(join(folder, "matriarch"), 0o755);
  for (const path of ["README.md", "CHANGELOG.md", "LICENSE"]) {
    await Deno.copyFile(join(ROOT, path), join(folder, path));
  }
  for (const path of ["INSTALL.md", "matriarch.service"]) {
    await Deno.copyFile(join(ROOT, "scripts/pack", path), join(folder, path));
  }
  const bill = await sbom({
    entry: join(ROOT, "main.ts"),
    version: VERSION,
    epoch,
    etcd,
  });
  await Deno.writeTextFile(join(folder, "sbom.cdx.json"), bill);
  const names = [...Deno.readDirSync(folder)].map((entry) => entry.name);
  const sums = await Promise.all(
    names.toSorted().map(async (each) => {
      const bytes = await Deno.readFile(join(folder, each));
      return `${createHash("sha256").update(bytes).digest("hex")}  ${each}\n`;
    }),
  );
  const list = join(folder, "SHA256SUMS");
  await Deno.writeTextFile(list, sums.join(""));
  if (sign !== null) {
    await run("ssh-keygen", ["-Y", "sign", "-f", sign, "-n", "file", list]);
  }
  const file = join(work, `${name}.tar.gz`);
  await tarGz(work, name, { output: file, epoch });
  return { name: `${name}.tar.gz`, file };
}

async function build({ output, sign, etcd }: Options): Promise<void> {
  await Deno.mkdir(output, { recursive: true });
  const work = await Deno.makeTempDir({ dir: output, prefix: ".package-" });
  try {
    const epoch = await epochOf();
    const stage = join(work, "stage");
    await Deno.mkdir(stage);
    await bundleInto(stage, join(ROOT, "main.ts"));
    const programs = etcdSourceOf(etcd);
    await packEtcd(stage, programs);
    const program = join(work, "matriarch");
    await packSelfExtracting(stage, program);
    await Deno.chmod(program, 0o755);
    const made = [
      await archive(work, {
        ...{ program, epoch, sign },
        etcd: programs === "package" ? await etcdPackageVersion() : null,
      }),
    ];
    const name = `matriarch_${VERSION}_${ARCH[Deno.build.arch]}.deb`;
    const tree = join(work, "debian");
    await Deno.mkdir(tree);
    const file = join(work, name);
    const arch = ARCH[Deno.build.arch];
    const source = {
      root: ROOT,
      stage,
      program,
      arch,
      version: VERSION,
      epoch,
    };
    await debianPackage(source, tree, file);
    made.push({ name, file });
    for (const each of made) {
      await Deno.rename(each.file, join(output, each.name));
      const { size } = await Deno.stat(join(output, each.name));
      const mib = (size / 2 ** 20).toFixed(1);
      console.log(`package: ${join(output, each.name)}, ${mib} MiB`);
    }
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function main(): Promise<number> {
  try {
    await build(readOptions());
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(`package: ${error.message}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());
