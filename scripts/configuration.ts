/**
 * Writes the tables of keys in docs/configuration.md from the descriptors in
 * lib/config. With --check it writes nothing and fails if the page differs.
 */
import { keyReferences } from "../lib/config/key_reference.ts";
import { withTables } from "./configuration_tables.ts";

const PAGE = new URL("../docs/configuration.md", import.meta.url);

async function main(): Promise<number> {
  const page = await Deno.readTextFile(PAGE);
  const wanted = withTables(page, keyReferences());
  if (page === wanted) return 0;
  if (!Deno.args.includes("--check")) {
    await Deno.writeTextFile(PAGE, wanted);
    return 0;
  }
  console.error(
    "The tables of docs/configuration.md are not what lib/config says: run " +
      "`deno task configuration` and look whether the difference is what you meant",
  );
  return 1;
}

if (import.meta.main) Deno.exit(await main());
