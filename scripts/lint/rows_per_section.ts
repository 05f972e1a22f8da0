/**
 * `house/rows-per-section`: a table of rules that can be read at a glance. More
 * rows are answers to two questions: split them by what they ask. How the groups
 * add up to sections is for the test beside `decide.ts`.
 */

import { housePath, isUnder } from "./house.ts";

const ROWS_MAX = 25;

/** Whether the type says that the array holds rules. */
function isTable(type: Deno.lint.TypeNode): boolean {
  const array = type.type === "TSTypeOperator" ? type.typeAnnotation : type;
  if (array?.type !== "TSArrayType") return false;
  const { elementType } = array;
  return elementType.type === "TSTypeReference" &&
    elementType.typeName.type === "Identifier" &&
    elementType.typeName.name === "Rule";
}

/** See the head of this file. */
export const rowsPerSection: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    if (!isUnder(housePath(ctx.filename), "lib/core")) return {};
    const measure = (node: Deno.lint.ArrayExpression): void => {
      const rows = node.elements.length;
      if (rows <= ROWS_MAX) return;
      const message = `A section has at most ${ROWS_MAX} rows, this has ` +
        `${rows}: split it by the question that its rows answer`;
      ctx.report({ node, message });
    };
    return {
      VariableDeclarator: ({ id, init }) => {
        const annotation = id.type === "Identifier" ? id.typeAnnotation : null;
        const type = annotation?.typeAnnotation;
        const isRules = type !== undefined && isTable(type);
        if (isRules && init?.type === "ArrayExpression") measure(init);
      },
      Property: ({ key, value }) => {
        const isRules = key.type === "Identifier" && key.name === "rules";
        if (isRules && value.type === "ArrayExpression") measure(value);
      },
    };
  },
};
