/**
 * `house/plain-types`: no construct that tells the compiler instead of asking
 * it. Unknown data passes a codec; branded numbers are made in units.ts.
 */

import { housePath, isTest, isUnder } from "./house.ts";

/** Files whose work is to turn unknown data into model types. */
function mayAssert(path: string): boolean {
  return isTest(path) || isUnder(path, "lib/core/codec") ||
    /(^|\/|_)(units|codec)\.ts$/.test(path);
}

function isConst(node: Deno.lint.TSAsExpression): boolean {
  const type = node.typeAnnotation;
  return type.type === "TSTypeReference" &&
    type.typeName.type === "Identifier" && type.typeName.name === "const";
}

/** No construct that tells the compiler a type instead of asking it. */
export const plainTypes: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    const path = housePath(ctx.filename);
    const report = (node: Deno.lint.Node, message: string): void =>
      ctx.report({ node, message });
    const everywhere: Deno.lint.LintVisitor = {
      TSEnumDeclaration: (node) =>
        report(node, 'No enum: write a union of literals, "a" | "b"'),
      TSAnyKeyword: (node) =>
        report(node, "No any: write unknown and let a codec check it"),
    };
    if (mayAssert(path)) return everywhere;
    const noAs = "Only `as const`: narrow with a check, or translate in a " +
      "codec (lib/core/codec, codec.ts, units.ts)";
    return {
      ...everywhere,
      TSAsExpression: (node) => {
        if (!isConst(node)) report(node, noAs);
      },
      TSTypeAssertion: (node) => report(node, noAs),
      TSNonNullExpression: (node) =>
        report(node, "No `!`: handle the missing value, or use invariant()"),
    };
  },
};
