/** Reports every import that the table in `import_law.ts` does not allow. */

import { housePath } from "./house.ts";
import {
  lawFor,
  type LawRow,
  mayImportFile,
  mayImportPackage,
} from "./import_law.ts";

function listOf(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}

function isFile(specifier: string): boolean {
  return /^(\.{0,2}\/|file:)/.test(specifier);
}

/** The file that `specifier` means when `path` imports it. */
function targetOf(specifier: string, path: string): string {
  return housePath(new URL(specifier, `file:///${path}`).pathname);
}

/** What is wrong with the import, or null if the law allows it. */
function problem(row: LawRow, path: string, specifier: string): string | null {
  if (!isFile(specifier)) {
    if (mayImportPackage(row, specifier)) return null;
    return `${row.folder} may not import the package "${specifier}". ` +
      `Packages allowed here: ${listOf(row.packages)}`;
  }
  const target = targetOf(specifier, path);
  if (mayImportFile(row, target)) return null;
  return `${row.folder} may not import ${target}. ` +
    `It may import: ${listOf(row.mayImport)}`;
}

/** `house/import-law`: a layer imports only what stands below it. */
export const importLaw: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    const path = housePath(ctx.filename);
    const row = lawFor(path);
    if (row === null) return {};
    const judge = (source: Deno.lint.Node | null): void => {
      if (source?.type !== "Literal") return;
      if (typeof source.value !== "string") return;
      const message = problem(row, path, source.value);
      if (message !== null) ctx.report({ node: source, message });
    };
    return {
      ImportDeclaration: (node) => judge(node.source),
      ExportAllDeclaration: (node) => judge(node.source),
      ExportNamedDeclaration: (node) => judge(node.source),
      ImportExpression: (node) => judge(node.source),
      TSImportType: (node) =>
        judge(
          node.argument.type === "TSLiteralType" ? node.argument.literal : null,
        ),
    };
  },
};
