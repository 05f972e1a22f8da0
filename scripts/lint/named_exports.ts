/**
 * `house/named-exports`: a thing has one name and one address. No default
 * exports; in the product no re-exports, so an import names the file it means.
 */

import { housePath, isProduct } from "./house.ts";

/** The linter's own interface asks for a default export here. */
const PLUGIN = "scripts/lint/plugin.ts";

/** No default exports; in the product no re-exports. */
export const namedExports: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    const path = housePath(ctx.filename);
    if (path === PLUGIN) return {};
    const noBarrel = (node: Deno.lint.Node, isReExport: boolean): void => {
      if (!isReExport || !isProduct(path)) return;
      ctx.report({
        node,
        message: "No re-exports: let the user import the file that defines it",
      });
    };
    return {
      ExportDefaultDeclaration: (node) =>
        ctx.report({
          node,
          message: "No default export: write `export function name()` or " +
            "`export const name`",
        }),
      ExportAllDeclaration: (node) => noBarrel(node, true),
      ExportNamedDeclaration: (node) => noBarrel(node, node.source !== null),
    };
  },
};
