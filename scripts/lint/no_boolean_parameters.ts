/**
 * `house/no-boolean-parameters`: in the core a call like `stop(true)` would
 * hide its meaning from the reader of a rule.
 */

import { housePath, isTest, isUnder } from "./house.ts";

type AnyFunction = Deno.lint.FunctionDeclaration | Deno.lint.FunctionExpression;

function isBoolean(parameter: Deno.lint.Node): boolean {
  if (parameter.type === "AssignmentPattern") {
    const value = parameter.right;
    return isBoolean(parameter.left) ||
      (value.type === "Literal" && typeof value.value === "boolean");
  }
  if (parameter.type !== "Identifier") return false;
  return parameter.typeAnnotation?.typeAnnotation.type === "TSBooleanKeyword";
}

/** No boolean parameters in the core. */
export const noBooleanParameters: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    const path = housePath(ctx.filename);
    if (!isUnder(path, "lib/core") || isTest(path)) return {};
    const judge = (node: AnyFunction): void => {
      for (const parameter of node.params) {
        if (parameter.type === "TSParameterProperty") continue;
        if (!isBoolean(parameter)) continue;
        ctx.report({
          node: parameter,
          message: "No boolean parameter in the core: write a union such as " +
            '"fast" | "immediate", or two functions',
        });
      }
    };
    return { FunctionDeclaration: judge, FunctionExpression: judge };
  },
};
