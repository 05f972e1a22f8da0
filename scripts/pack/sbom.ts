/**
 * The bill of materials (CycloneDX 1.5) of the one file: the runtime, and the
 * packages that the program's own modules load.
 *
 * Source: CycloneDX 1.5 JSON reference; package URL specification, type npm.
 */

import { run } from "./run.ts";

/** What `deno info --json` says; `npmPackages` lists all of the lock file. */
interface ModuleGraph {
  readonly modules: readonly { readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, Package>>;
}

interface Package {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly string[];
}

/** What is described, and when it was made. */
export interface SbomSubject {
  readonly entry: string;
  readonly version: string;
  /** Seconds since the epoch: of the commit, so that builds are alike. */
  readonly epoch: number;
  /** Version of Debian's package of etcd that comes along; null: none does. */
  readonly etcd: string | null;
}

/**
 * The bill as JSON text; the same commit makes the same bytes.
 *
 * @throws {CommandError} If the modules of the entry cannot be resolved.
 */
export async function sbom(subject: SbomSubject): Promise<string> {
  const info = await run(Deno.execPath(), ["info", "--json", subject.entry]);
  const graph: ModuleGraph = JSON.parse(info);
  const libraries = packagesOf(graph)
    .map(({ name, version }) => component("library", name, version))
    .toSorted((a, b) => a.purl < b.purl ? -1 : Number(a.purl > b.purl));
  const runtime = component("framework", "deno", Deno.version.deno);
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      timestamp: new Date(subject.epoch * 1000).toISOString(),
      component: {
        type: "application",
        name: "matriarch",
        version: subject.version,
      },
    },
    components: [runtime, ...etcdComponent(subject.etcd), ...libraries],
  };
  return JSON.stringify(document, null, 2) + "\n";
}

function etcdComponent(version: string | null) {
  if (version === null) return [];
  const purl = `pkg:deb/debian/etcd-server@${encodeURIComponent(version)}`;
  return [{ type: "application", name: "etcd-server", version, purl }];
}

/** Those that the modules import, and what these need. */
function packagesOf(
  { modules, npmPackages }: ModuleGraph,
): readonly Package[] {
  const ids = new Set(modules.flatMap(({ npmPackage }) => npmPackage ?? []));
  // A set also hands out what is added while it is walked.
  for (const id of ids) {
    for (const needed of npmPackages[id]?.dependencies ?? []) ids.add(needed);
  }
  return [...ids].flatMap((id) => npmPackages[id] ?? []);
}

function component(type: string, name: string, version: string) {
  const path = name.startsWith("@") ? `%40${name.slice(1)}` : name;
  return { type, name, version, purl: `pkg:npm/${path}@${version}` };
}
