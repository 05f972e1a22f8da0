/**
 * `house/core-purity`: the core is a function of its arguments. It has no
 * runtime, clock, randomness, console and nothing to wait for, so a decision
 * can be replayed from its observation alone.
 */

import { globalUse } from "./globals.ts";
import { housePath, isTest, isUnder } from "./house.ts";

const BANNED: ReadonlyMap<string, string> = new Map([
  ["Deno", "take the value as an argument, an adapter reads it"],
  ["process", "take the value as an argument, an adapter reads it"],
  ["globalThis", "name the argument that is meant"],
  ["Date", "take the moment from the observation, in milliseconds"],
  ["performance", "take the moment from the observation, in milliseconds"],
  ["setTimeout", "return a decision that says how long to wait"],
  ["setInterval", "return a decision that says how long to wait"],
  ["queueMicrotask", "return a decision, the loop acts on it"],
  ["console", "return a reason code, explain.ts makes the sentence"],
  ["crypto", "take the random value from the observation"],
  ["fetch", "return a decision, the loop acts on it"],
  ["Promise", "return plain data, the loop does the waiting"],
]);

function advice(use: { name: string; member: string | null }): string | null {
  if (use.name === "Math" && use.member === "random") {
    return "take the random value from the observation";
  }
  return BANNED.get(use.name) ?? null;
}

/** Asking what a value is reads no clock: `value instanceof Date`. */
function isTypeQuestion(node: Deno.lint.Identifier): boolean {
  const parent = node.parent;
  return parent.type === "BinaryExpression" && parent.operator === "instanceof";
}

/** The core uses no runtime, clock, randomness or console, and does not wait. */
export const corePurity: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    const path = housePath(ctx.filename);
    if (!isUnder(path, "lib/core") || isTest(path)) return {};
    const noAsync = (
      node: Deno.lint.Node,
      isAsync: boolean,
    ): void => {
      if (!isAsync) return;
      ctx.report({
        node,
        message: "The core never waits: write a plain function over plain " +
          "data, the loop in lib/agent does the waiting",
      });
    };
    return {
      Identifier: (node) => {
        const use = globalUse(node);
        const wanted = use === null ? null : advice(use);
        if (wanted === null || isTypeQuestion(node)) return;
        ctx.report({
          node,
          message: `The core is pure and has no ${node.name}: ${wanted}`,
        });
      },
      FunctionDeclaration: (node) => noAsync(node, node.async),
      FunctionExpression: (node) => noAsync(node, node.async),
      ArrowFunctionExpression: (node) => noAsync(node, node.async),
      AwaitExpression: (node) => noAsync(node, true),
    };
  },
};
