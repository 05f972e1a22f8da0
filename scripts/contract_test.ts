/** What the code cites of `docs/contract` exists there, section by section. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const FOLDERS = ["lib", "proxy", "scripts", "tests"];

const CITATION =
  /docs\/contract\/([a-z-]+)\.md,?((?:[ *\n]*(?:[,;]|and|to)?[ *\n]*\b[AB]?\d+(?:\.\d+)*\b(?!:))*)/g;

/** One section that a file names. */
interface Citation {
  readonly file: string;
  readonly page: string;
  readonly section: string;
}

async function sourceFiles(): Promise<readonly string[]> {
  const lists = await Promise.all(FOLDERS.map(async (folder) => {
    const names = await readdir(folder, { recursive: true });
    return names.filter((name) => name.endsWith(".ts"))
      .map((name) => join(folder, name));
  }));
  return lists.flat();
}

async function citationsOf(file: string): Promise<readonly Citation[]> {
  const text = await readFile(file, "utf8");
  return [...text.matchAll(CITATION)].flatMap(([, page = "", list = ""]) =>
    [...list.matchAll(/[AB]?\d+(?:\.\d+)*/g)].map(([section]) => ({
      file,
      page,
      section,
    }))
  );
}

async function sectionsOf(page: string): Promise<ReadonlySet<string>> {
  const text = await readFile(`docs/contract/${page}.md`, "utf8");
  const heads = text.matchAll(/^#+ ([AB]?\d+(?:\.\d+)*)\.?\s/gm);
  return new Set([...heads].map(([, section = ""]) => section));
}

Deno.test("every citation of the contract names a section that exists", async () => {
  const files = await sourceFiles();
  const citations = (await Promise.all(files.map(citationsOf))).flat();
  assert.ok(citations.length > 100, `only ${citations.length} were found`);
  const pages = new Map<string, ReadonlySet<string>>();
  for (const { page } of citations) {
    if (!pages.has(page)) pages.set(page, await sectionsOf(page));
  }
  const missing = citations.filter(({ page, section }) =>
    !pages.get(page)?.has(section)
  );
  assert.deepEqual(missing, []);
});
