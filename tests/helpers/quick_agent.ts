/**
 * An agent whose lease may be shorter than any user's: `quick_agent.ts CONFIG`.
 * It is `matriarch run CONFIG`, composed with lower floors for its times, so that
 * a test sees a real lease end in seconds. The file that users get has no way
 * here.
 */
import { isRefusal, refusalLines } from "../../lib/compose/refusal.ts";
import { runAgent } from "../../lib/compose/agent.ts";

/** The least that etcd grants with the election timeout of `etcd.ts` is 2 s. */
const FLOORS = { ttl: 2, loop_wait: 1, retry_timeout: 1 };

const [path] = Deno.args;
if (path === undefined) throw new Error("usage: quick_agent.ts CONFIG");
Deno.exit(
  await runAgent(path, FLOORS).catch((error: unknown) => {
    console.error(isRefusal(error) ? refusalLines(error).join("\n") : error);
    return 1;
  }),
);
