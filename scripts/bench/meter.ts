/** The failover meter as the benchmark's own process; see lib/lab/meter.ts. */
import { meterMain } from "../../lib/lab/meter_main.ts";

if (import.meta.main) await meterMain(Deno.args);
