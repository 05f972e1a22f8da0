/**
 * `house/agent-clock`: the agent waits and reads time only through the port
 * `Clock`, so that the simulator can run the real loop on its own time.
 */

import { globalUse } from "./globals.ts";
import { housePath, isTest, isUnder } from "./house.ts";

const TIMERS = new Set(["setTimeout", "setInterval", "setImmediate"]);

function isRealTime(use: { name: string; member: string | null }): boolean {
  if (TIMERS.has(use.name)) return true;
  if (use.name === "performance" || use.name === "Date") return true;
  return use.name === "AbortSignal" && use.member === "timeout";
}

/** The agent waits and reads time only through the port `Clock`. */
export const agentClock: Deno.lint.Rule = {
  create(ctx: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    const path = housePath(ctx.filename);
    if (!isUnder(path, "lib/agent") || isTest(path)) return {};
    return {
      Identifier: (node) => {
        const use = globalUse(node);
        if (use === null || !isRealTime(use)) return;
        ctx.report({
          node,
          message: `The agent has no ${node.name}: wait and read the time ` +
            "through the port Clock",
        });
      },
    };
  },
};
