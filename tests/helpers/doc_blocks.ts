/** What is printed on a page of docs/, so that tests try what readers copy. */
import assert from "node:assert/strict";

const DOCS = new URL("../../docs/", import.meta.url);

/** The text below a heading, up to the next one of its rank or a higher one. */
export function sectionUnder(page: string, heading: string): string {
  const lines = Deno.readTextFileSync(new URL(page, DOCS)).split("\n");
  const start = lines.indexOf(heading);
  assert.ok(start >= 0, `docs/${page} has no "${heading}"`);
  const rank = heading.indexOf(" ");
  const rest = lines.slice(start + 1);
  let isCode = false;
  const end = rest.findIndex((line) => {
    if (line.startsWith("```")) isCode = !isCode;
    const found = isCode ? null : /^(#+) /.exec(line);
    return found !== null && (found[1] ?? "").length <= rank;
  });
  return (end < 0 ? rest : rest.slice(0, end)).join("\n");
}

/** The only block there of which `what` is a part. */
export function blockWith(section: string, what: string): string {
  const blocks = [...section.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)]
    .map(([, text = ""]) => text)
    .filter((text) => text.includes(what));
  assert.equal(blocks.length, 1, `blocks with "${what}"`);
  return blocks[0] ?? "";
}

/** The code in the last cell of the row that begins so. */
export function codeInRow(section: string, first: string): string {
  const row = section.split("\n").find((line) =>
    line.startsWith(`| ${first} `)
  );
  const cell = row?.split(" | ").at(-1) ?? "";
  return /`([^`]+)`/.exec(cell)?.[1] ??
    assert.fail(`no row "${first}" with code`);
}
