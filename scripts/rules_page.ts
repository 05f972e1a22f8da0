/** Lays out docs/rules.md from the rule tables. */

/** A section of the rule tables, as far as the page shows it. */
export interface PageSection {
  readonly name: string;
  readonly question: string;
  readonly rules: readonly { readonly id: string; readonly why: string }[];
}

const HEAD = `# The rules

Generated from the tables in \`lib/core/rules\` by \`deno task rules\`; do not
edit. One cycle takes the first row of the early section that matches, else the
first row that matches in the one section that the questions choose. The last
row of a section always matches.
`;

/** One table row is one line: a bar in a sentence would end its cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s+/g, " ").trim();
}

function sectionText(section: PageSection): string {
  const rows = section.rules.map((rule) =>
    `| ${cell(rule.id)} | ${cell(rule.why)} |\n`
  );
  return `\n## ${section.name}\n\n${section.question}\n\n` +
    `| Row | Why |\n| --- | --- |\n${rows.join("")}`;
}

/**
 * The text of docs/rules.md, which `deno fmt` leaves alone.
 */
export function rulesPage(sections: readonly PageSection[]): string {
  return HEAD + sections.map(sectionText).join("");
}
