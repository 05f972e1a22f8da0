/**
 * Writes docs/rules.md from the rule tables of the core. With --check it
 * writes nothing and fails if the file is not what the tables say.
 */

import { SECTIONS } from "../lib/core/decide.ts";
import { rulesPage } from "./rules_page.ts";

const PAGE = new URL("../docs/rules.md", import.meta.url);

async function currentPage(): Promise<string | null> {
  try {
    return await Deno.readTextFile(PAGE);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function main(): Promise<number> {
  const page = rulesPage(SECTIONS);
  if (!Deno.args.includes("--check")) {
    await Deno.writeTextFile(PAGE, page);
    return 0;
  }
  if (await currentPage() === page) return 0;
  console.error(
    "docs/rules.md is not what lib/core/rules says: run `deno task rules` " +
      "and look whether the difference is what you meant",
  );
  return 1;
}

if (import.meta.main) Deno.exit(await main());
