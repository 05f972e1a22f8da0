/**
 * Recipes of docs/clients.md that lead to the members' own proxies, followed by
 * the letter on hosts of their own: "Direct" with its URLs of libpq and JDBC, and
 * "PgBouncer on application hosts".
 */
import assert from "node:assert/strict";
import { codeInRow, sectionUnder } from "../helpers/doc_blocks.ts";
import { step } from "../helpers/step.ts";
import { REPOSITORY } from "./bench/deno.ts";
import { faultSkipReason, faultTest } from "./bench/bench.ts";
import type { Host } from "./bench/network.ts";
import { RecipeHosts } from "./bench/recipe_hosts.ts";

const DIRECT = "### Direct";
const POOLER = "### In front of the proxies";
const DRIVER = "/usr/share/java/postgresql.jar";
const JDBC_CLIENT = `${REPOSITORY}/tests/helpers/JdbcClient.java`;
/** A session on whoever leads. */
const WRITES = /^n\d false$/;

/** What a row of the recipe's table says a client names. */
function addressOf(row: string): string {
  return codeInRow(sectionUnder("clients.md", DIRECT), row);
}

/** Whether JDBC's session takes writes. */
function jdbc(hosts: RecipeHosts, url: string, host?: Host): Promise<string> {
  const words = ["java", "-cp", DRIVER, JDBC_CLIENT, url];
  const shell = 'echo | exec "$@" "$PGUSER" "$PGPASSWORD"';
  return hosts.run(["sh", "-c", shell, "sh", ...words], host);
}

/** Each row of the table leads where it says. */
async function everyAddress(hosts: RecipeHosts): Promise<void> {
  await hosts.bench.untilWhole();
  const writers = [
    "libpq (psql, psycopg, ...)",
    "the same as a URL",
    "past the proxies, libpq",
  ];
  for (const row of writers) {
    assert.match(await hosts.psql(addressOf(row)), WRITES, row);
  }
  const reader = await hosts.psql(addressOf("reads, libpq"));
  assert.match(reader, /^n\d true$/);
  for (const row of ["JDBC (pgjdbc)", "past the proxies, JDBC"]) {
    assert.equal(await jdbc(hosts, addressOf(row)), "5432 false", row);
  }
  const reads = await jdbc(hosts, addressOf("reads, JDBC"));
  assert.equal(reads, "5432 true");
  const places = addressOf("pgbench").split(" ");
  const bench = ["pgbench", "-n", ...places, "-t", "5", "-f", "/dev/stdin"];
  const told = await hosts.run([
    ...["sh", "-c", 'echo "SELECT 1;" | exec "$@"', "sh", ...bench, "app"],
  ]);
  assert.match(told, /number of failed transactions: 0 /);
}

/** A host that says nothing more costs time, and nothing else. */
async function silentHost(hosts: RecipeHosts): Promise<void> {
  const { bench } = hosts;
  await bench.untilWhole();
  // The one that is named first.
  const heal = await bench.network.cut(bench.member("n1").host, hosts.apps);
  try {
    const [libpq, url] = await Promise.all([
      hosts.psql(addressOf("libpq (psql, psycopg, ...)")),
      jdbc(hosts, addressOf("JDBC (pgjdbc)")),
    ]);
    assert.match(libpq, WRITES);
    assert.equal(url, "5432 false");
  } finally {
    await heal();
  }
}

/** Both PgBouncers take clients, JDBC's, too; switchovers behind one: agent_pooler_test.ts. */
async function throughPgbouncer(hosts: RecipeHosts): Promise<void> {
  const { apps, bench } = hosts;
  await bench.untilWhole();
  for (const host of apps) {
    const address = `host=${host.address} port=6432 dbname=app`;
    assert.match(await hosts.psql(address, host), WRITES);
  }
  const places = apps.map(({ address }) => `${address}:6432`).join(",");
  const url = `jdbc:postgresql://${places}/app?prepareThreshold=0`;
  assert.equal(await jdbc(hosts, url), "5432 false");
}

faultTest(
  "fault: recipes with the members' own proxies",
  async (t) => {
    await using hosts = await RecipeHosts.running((made) =>
      made.section(POOLER, "pooler:")
    );
    const users = hosts.block(POOLER, '"matriarch"');
    for (const app of hosts.apps) {
      await hosts.startPgbouncer(app, POOLER, users);
    }
    await step(t, "direct, each URL", () => everyAddress(hosts));
    await step(t, "direct, a host is silent", () => silentHost(hosts));
    await step(
      t,
      "PgBouncer on application hosts",
      () => throughPgbouncer(hosts),
    );
  },
  faultSkipReason(["ip", "nft", "setpriv", "etcd", "pgbouncer", "java"]),
);
