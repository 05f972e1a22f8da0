/**
 * Manual pages, made by help2man from what the program says of itself: one for
 * the program and one for each of its commands.
 */

import { join } from "node:path";
import { run } from "./run.ts";

/** What the pages are made of. */
export interface ManSource {
  /** The program, ready to run. */
  readonly program: string;
  readonly version: string;
  readonly epoch: number;
}

interface Page {
  /** Words after the program's name; none: the program itself. */
  readonly command: string | null;
  readonly summary: string;
}

/**
 * Writes `matriarch.1` and `matriarch-COMMAND.1` into `folder`.
 *
 * @returns The names of the files.
 * @throws {CommandError} If help2man is missing, or the program does not answer.
 */
export async function manPages(
  source: ManSource,
  folder: string,
): Promise<readonly string[]> {
  const help = await run(source.program, ["--help"]);
  const pages = [
    { command: null, summary: "high availability for PostgreSQL" },
    ...commandsOf(help),
  ];
  const names: string[] = [];
  for (const page of pages) {
    const name = page.command === null
      ? "matriarch.1"
      : `matriarch-${page.command}.1`;
    await writePage(source, page, join(folder, name));
    names.push(name);
  }
  return names;
}

/** The list under "Commands:"; a description may go on in the next line. */
function commandsOf(help: string): readonly Page[] {
  const [, list = ""] = help.split("\nCommands:\n");
  const joined = list.replaceAll(/\n {10,}/g, " ");
  return [...joined.matchAll(/^ {2}([a-z-]+) +(\S.*)$/gm)]
    .map(([, command = "", summary = ""]) => ({ command, summary }));
}

async function writePage(
  { program, version, epoch }: ManSource,
  { command, summary }: Page,
  output: string,
): Promise<void> {
  const call = command === null ? program : `${program} ${command}`;
  await run("help2man", [
    "--no-info",
    "--section=1",
    "--source=Matriarch",
    `--version-string=${version}`,
    `--name=${summary}`,
    `--output=${output}`,
    call,
  ], { env: { SOURCE_DATE_EPOCH: String(epoch), LC_ALL: "C.UTF-8" } });
  await Deno.writeTextFile(
    output,
    asPage(await Deno.readTextFile(output), {
      program,
      name: command === null ? "matriarch" : `matriarch-${command}`,
    }),
  );
}

/** The program was called by the path of its build, and a page has one word as its name. */
function asPage(
  text: string,
  { program, name }: { readonly program: string; readonly name: string },
): string {
  return text.replaceAll(program, "matriarch")
    .replace(/^\.TH .*? "1" /m, `.TH ${name.toUpperCase()} "1" `)
    .replace(/^\.SH NAME\n.*? \\- /m, `.SH NAME\n${name} \\- `);
}
