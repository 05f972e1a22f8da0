/**
 * `house/bounded-timers`: a timer of JavaScript that is longer than 24 days fires
 * at once, so a number that was configured reaches one only through `timerMs()`.
 * What is written in the source, or is a constant, is short enough.
 */

import { globalUse } from "./globals.ts";
import { housePath, isProduct } from "./house.ts";

const CONSTANT = /^[A-Z][A-Z0-9_]*$/;

/** Where the milliseconds stand; null: this starts no timer. */
function delayAt(
  use: { readonly name: string; readonly member: string | null },
): number | null {
  if (use.name === "setTimeout" || use.name === "setInterval") return 1;
  return use.name === "AbortSignal" && use.member === "timeout" ? 0 : null;
}

/** The call whose callee `node` is, or begins. */
function callOf(node: Deno.lint.Identifier): Deno.lint.CallExpression | null {
  const parent = node.parent;
  const callee = parent.type === "MemberExpression" ? parent : node;
  const call = callee.parent;
  const isCallee = call.type === "CallExpression" &&
    call.callee.range[0] === callee.range[0] &&
    call.callee.range[1] === callee.range[1];
  return isCallee ? call : null;
}

function isBounded(delay: Deno.lint.Node | undefined): boolean {
  if (delay === undefined) return true;
  switch (delay.type) {
    case "Literal":
      return true;
    case "Identifier":
      return CONSTANT.test(delay.name);
    case "CallExpression":
      return delay.callee.type === "Identifier" &&
        delay.callee.name === "timerMs";
    default:
      return false;
  }
}

/** A configured number reaches a timer only through `timerMs()`. */
export const boundedTimers: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    if (!isProduct(housePath(ctx.filename))) return {};
    return {
      Identifier: (node) => {
        const use = globalUse(node);
        const at = use === null ? null : delayAt(use);
        const call = at === null ? null : callOf(node);
        if (at === null || call === null) return;
        if (isBounded(call.arguments[at])) return;
        ctx.report({
          node: call,
          message: "A timer longer than 24 days fires at once: give it a " +
            "constant, or timerMs() of the number",
        });
      },
    };
  },
};
