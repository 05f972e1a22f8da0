/** Lays out docs/rules.md from the rule tables. */

/** A section of the rule tables, as far as the page shows it. */
export interface PageSection {
  readonly name: string;
  readonly question: string;
  readonly rules: readonly {
    readonly id: string;
    readonly why: string;
    /** Each a kind of decision or task, and its reason. */
    readonly decides: readonly string[];
  }[];
}

const HEAD = `# The rules

Generated from the tables in \`lib/core/rules\` by \`deno task rules\`; do not
edit. One cycle takes the first row of the early section that matches, else the
first row that matches in the one section that the questions choose; there one
always does. A row that concerns several sections stands in each of them.

**Decides** names all that a row can decide: the kind of the decision, or of the
task that it starts, with the reason codes of log and metrics. Tests hold every
row to it.
`;

/** One table row is one line: a bar in a sentence would end its cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s+/g, " ").trim();
}

/** `wait` paused, following; `promote` lease_acquired. */
function decidesText(decides: readonly string[]): string {
  const pairs = decides.map((outcome) => outcome.split(" "));
  const byKind = Map.groupBy(pairs, ([kind]) => kind);
  return [...byKind].map(([kind, those]) =>
    `\`${kind}\` ${those.map(([, reason]) => reason).join(", ")}`
  ).join("; ");
}

function sectionText(section: PageSection): string {
  const rows = section.rules.map((rule) =>
    `| ${cell(rule.id)} | ${cell(rule.why)} | ${
      cell(decidesText(rule.decides))
    } |\n`
  );
  return `\n## ${section.name}\n\n${section.question}\n\n` +
    `| Row | Why | Decides |\n| --- | --- | --- |\n${rows.join("")}`;
}

/**
 * The text of docs/rules.md, which `deno fmt` leaves alone.
 */
export function rulesPage(sections: readonly PageSection[]): string {
  return HEAD + sections.map(sectionText).join("");
}
