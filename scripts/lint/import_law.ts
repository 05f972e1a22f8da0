/**
 * The import law: which folder may import what, one row per layer.
 *
 * The first row whose folder contains a file is the file's row. The table is
 * the law of docs/adr and the architecture; `import_law_rule.ts` enforces it.
 */

import { isTest, isUnder } from "./house.ts";

/** What the files of one folder may import. */
export interface LawRow {
  /** The folder (or single file) that this row governs. */
  readonly folder: string;
  /** Folders or files of the checkout that it may import. */
  readonly mayImport: readonly string[];
  /** Packages by name; `node:` stands for every built-in, `*` for all. */
  readonly packages: readonly string[];
}

const CORE_ORDER = ["base", "model", "codec", "calc", "rules"] as const;

function coreRows(): LawRow[] {
  const rows = CORE_ORDER.map((folder, level) => ({
    folder: `lib/core/${folder}`,
    mayImport: CORE_ORDER.slice(0, level + 1).map((f) => `lib/core/${f}`),
    packages: [],
  }));
  return [...rows, {
    folder: "lib/core",
    mayImport: ["lib/core"],
    packages: [],
  }];
}

function adapterRow(name: string, packages: readonly string[]): LawRow {
  const folder = `lib/adapters/${name}`;
  return {
    folder,
    mayImport: ["lib/core", "lib/ports", "lib/dcs", folder],
    packages: ["node:", ...packages],
  };
}

/** For those that write what Patroni's tools read. */
function withPatroni(row: LawRow): LawRow {
  return { ...row, mayImport: [...row.mayImport, "lib/patroni"] };
}

/** An adapter without a driver package gets its row from its own path. */
function plainAdapterRow(path: string): LawRow {
  return adapterRow(path.split("/")[2] ?? "", []);
}

const ROWS: readonly LawRow[] = [
  ...coreRows(),
  { folder: "lib/ports", mayImport: ["lib/core", "lib/ports"], packages: [] },
  {
    folder: "lib/dcs",
    mayImport: ["lib/core", "lib/ports", "lib/dcs"],
    packages: [],
  },
  {
    folder: "lib/patroni",
    mayImport: ["lib/core", "lib/patroni"],
    packages: ["yaml"],
  },
  {
    folder: "lib/agent",
    mayImport: ["lib/core", "lib/ports", "lib/agent"],
    packages: [],
  },
  {
    folder: "lib/managed_etcd",
    mayImport: ["lib/core", "lib/ports", "lib/managed_etcd"],
    packages: [],
  },
  adapterRow("dynamodb", [
    "@aws-sdk/client-dynamodb",
    "@aws-sdk/credential-provider-node",
  ]),
  adapterRow("etcd", ["etcd3"]),
  adapterRow("otlp", [
    "@opentelemetry/api",
    "@opentelemetry/exporter-trace-otlp-http",
    "@opentelemetry/exporter-trace-otlp-proto",
    "@opentelemetry/resources",
    "@opentelemetry/sdk-trace",
  ]),
  adapterRow("pgbouncer", ["postgres"]),
  adapterRow("pki", ["@peculiar/x509", "reflect-metadata"]),
  adapterRow("redis", ["ioredis"]),
  withPatroni(adapterRow("postgres", ["postgres", "@mongodb-js/saslprep"])),
  withPatroni(adapterRow("log", [])),
  {
    folder: "lib/ui",
    mayImport: ["lib/core", "lib/ports", "lib/ui"],
    packages: [],
  },
  {
    folder: "lib/http",
    mayImport: ["lib/core", "lib/ports", "lib/patroni", "lib/ui", "lib/http"],
    packages: ["hono", "zod", "node:"],
  },
  {
    folder: "lib/config",
    mayImport: ["lib/core", "lib/patroni", "lib/config"],
    packages: ["yaml", "node:"],
  },
  {
    folder: "lib/setup",
    mayImport: [
      "lib/core",
      "lib/ports",
      "lib/patroni",
      "lib/config",
      "lib/setup",
    ],
    packages: ["node:"],
  },
  {
    folder: "lib/container",
    mayImport: [
      "lib/core",
      "lib/ports",
      "lib/patroni",
      "lib/config",
      "lib/setup",
      "lib/container",
    ],
    packages: [],
  },
  {
    folder: "lib/cli",
    mayImport: [
      "lib/core",
      "lib/ports",
      "lib/patroni",
      "lib/config",
      "lib/setup",
      "lib/ui",
      "lib/cli",
    ],
    packages: ["node:"],
  },
  {
    folder: "proxy",
    mayImport: ["lib/core", "lib/ports", "lib/ui", "proxy"],
    packages: ["node:"],
  },
  {
    folder: "lib/lab",
    mayImport: [
      "lib/core",
      "lib/ports",
      "lib/patroni",
      "lib/config",
      "lib/lab",
      "lib/compose/self_command.ts",
    ],
    packages: ["postgres", "yaml", "node:"],
  },
  {
    folder: "lib/compose",
    mayImport: ["lib", "proxy", "deno.json"],
    packages: ["node:"],
  },
  {
    folder: "main.ts",
    mayImport: ["lib/compose", "lib/cli", "lib/lab", "deno.json"],
    packages: ["node:"],
  },
  {
    folder: "tests",
    mayImport: ["lib", "proxy", "main.ts", "tests", "scripts", "deno.json"],
    packages: ["*"],
  },
  {
    folder: "scripts/rules.ts",
    mayImport: ["scripts", "lib/core"],
    packages: ["*"],
  },
  {
    folder: "scripts/configuration.ts",
    mayImport: ["scripts", "lib/config"],
    packages: ["*"],
  },
  {
    folder: "scripts/bench",
    mayImport: ["scripts", "lib/lab", "deno.json"],
    packages: ["*"],
  },
  {
    folder: "scripts/sim.ts",
    mayImport: ["scripts", "tests/sim"],
    packages: ["*"],
  },
  { folder: "scripts", mayImport: ["scripts", "deno.json"], packages: ["*"] },
];

/** A test beside the code may use the whole layer and the test helpers. */
function testRow(row: LawRow): LawRow {
  const inCore = isUnder(row.folder, "lib/core");
  return {
    folder: row.folder,
    mayImport: [
      ...row.mayImport,
      ...(inCore ? ["lib/core"] : []),
      "tests/helpers",
    ],
    packages: [...row.packages, "node:", "fast-check"],
  };
}

/**
 * The row that governs the file at `path`.
 *
 * @returns null for a file outside every layer, which may import anything.
 */
export function lawFor(path: string): LawRow | null {
  const row = ROWS.find((r) => isUnder(path, r.folder)) ??
    (isUnder(path, "lib/adapters") ? plainAdapterRow(path) : null);
  if (row === null) return null;
  return isTest(path) && !isUnder(path, "tests") ? testRow(row) : row;
}

/** Whether `row` lets its files import the file at `target`. */
export function mayImportFile(row: LawRow, target: string): boolean {
  return row.mayImport.some((allowed) => isUnder(target, allowed));
}

/** Whether `row` lets its files import the package in `specifier`. */
export function mayImportPackage(row: LawRow, specifier: string): boolean {
  const name = specifier.replace(/^npm:/, "");
  return row.packages.some((allowed) => {
    if (allowed === "*") return true;
    if (allowed.endsWith(":")) return name.startsWith(allowed);
    return name === allowed || name.startsWith(`${allowed}/`) ||
      name.startsWith(`${allowed}@`);
  });
}
