/**
 * `deno task test:model`: all states of larger worlds, with their number and
 * depth. One that would not end is cut at a number, and says so.
 */
import { Explorer } from "./explore.ts";
import { FencingExplorer } from "./fencing_explore.ts";
import { LARGE_FENCING } from "./fencing_worlds.ts";
import { LARGE_WORLDS, NOTHING } from "./worlds.ts";

const STATES_MAX = 8_000_000;
/** These are kept as text. */
const FENCING_STATES_MAX = 300_000;

let broken = 0;
for (const [name, world] of LARGE_WORLDS) {
  const begin = performance.now();
  const found = new Explorer({ ...NOTHING, ...world }).run(STATES_MAX);
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  const end = found.isCut ? "cut" : "all visited";
  console.log(
    `${world.mode}, ${name}: ${found.states} states (${end}), ` +
      `depth ${found.depth}, ${seconds} s`,
  );
  if (found.broken === null) continue;
  broken++;
  console.log(`  BROKEN: ${found.broken.join("; ")}`);
}
for (const [name, world] of LARGE_FENCING) {
  const begin = performance.now();
  const found = new FencingExplorer(world).run(FENCING_STATES_MAX);
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  const end = found.isCut ? "cut" : "all visited";
  console.log(
    `fencing, ${name}: ${found.states} states (${end}), ` +
      `depth ${found.depth}, ${seconds} s`,
  );
  if (found.broken === null) continue;
  broken++;
  console.log(`  BROKEN: ${found.broken.join("; ")}`);
}
Deno.exit(broken === 0 ? 0 : 1);
