/** The commands for routes and rules that go with a virtual address. */
import type { CommandWords, Vip } from "../../model/vip.ts";

/** How one of them is put in place, and how it is taken away. */
export interface OutfitCommand {
  readonly add: CommandWords;
  readonly remove: CommandWords;
}

/** Kinds of routes that lead to no interface, or name theirs themselves. Source: ip-route(8). */
const WITHOUT_INTERFACE = ["dev", "nexthop", "blackhole", "unreachable"];

/**
 * Routes: by the address's interface unless they say otherwise.
 *
 * @example
 * ```ts
 * import { BARE_VIP } from "../../model/vip.ts";
 * import { routeCommands } from "./vip_outfit.ts";
 * const [one] = routeCommands({
 *   ...BARE_VIP, address: "10.0.0.9", interface: "eth0",
 *   routes: [["default", "via", "10.0.0.1"]],
 * });
 * const text = one?.add.join(" ");
 * if (text !== "ip -4 route replace default via 10.0.0.1 dev eth0") throw text;
 * ```
 */
export function routeCommands(
  vip: Pick<Vip, "address" | "interface" | "routes">,
): readonly OutfitCommand[] {
  return vip.routes.map((route) => {
    const isWhole = route.some((word) => WITHOUT_INTERFACE.includes(word));
    const whole = isWhole ? route : [...route, "dev", vip.interface];
    return commands(vip, "route", { add: "replace", words: whole });
  });
}

/** Rules of routing, as which table counts for whom. */
export function ruleCommands(
  vip: Pick<Vip, "address" | "rules">,
): readonly OutfitCommand[] {
  return vip.rules.map((words) => commands(vip, "rule", { add: "add", words }));
}

function commands(
  { address }: Pick<Vip, "address">,
  what: "route" | "rule",
  { add, words }: { readonly add: string; readonly words: CommandWords },
): OutfitCommand {
  const head = ["ip", address.includes(":") ? "-6" : "-4", what];
  return {
    add: [...head, add, ...words],
    remove: [...head, "delete", ...words],
  };
}
