/**
 * `house/size-limits`: limits of a file, a function and a parameter list.
 * What is longer is two things; the message says how long it is.
 */

import { housePath, isTest, isUnder } from "./house.ts";

const FILE_LINES_MAX = 400;
const TEST_FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;
/** The body of a test is a story told in order; half of it is set-up. */
const TEST_FUNCTION_LINES_MAX = 140;
const PARAMETERS_MAX = 3;

type AnyFunction =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

function linesOf(text: string): number {
  return text.replace(/\n$/, "").split("\n").length;
}

/** Limits the size of files, functions and parameter lists. */
export const sizeLimits: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    const path = housePath(ctx.filename);
    if (isUnder(path, "tests/fixtures")) return {};
    const test = isTest(path);
    const fileMax = test ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
    const functionMax = test ? TEST_FUNCTION_LINES_MAX : FUNCTION_LINES_MAX;
    const measure = (node: AnyFunction): void => {
      const lines = linesOf(ctx.sourceCode.getText(node));
      if (lines > functionMax) {
        const message = `A function has at most ${functionMax} lines, this ` +
          `has ${lines}: give its parts names of their own`;
        ctx.report({ node, message });
      }
      if (node.params.length > PARAMETERS_MAX) {
        const message = `A function has at most ${PARAMETERS_MAX} ` +
          `parameters, this has ${node.params.length}: make the last one ` +
          "an options object";
        ctx.report({ node, message });
      }
    };
    return {
      Program: (node) => {
        const lines = linesOf(ctx.sourceCode.text);
        if (lines <= fileMax) return;
        const message = `A file has at most ${fileMax} lines, this has ` +
          `${lines}: split it by what it decides or owns`;
        ctx.report({ node, message });
      },
      FunctionDeclaration: measure,
      FunctionExpression: measure,
      ArrowFunctionExpression: measure,
    };
  },
};
