/** Our leader with Patroni's replicas: every mode, every change of leader. */
import { unprivileged } from "../helpers/unprivileged.ts";
import { mixedCluster, playAllModes } from "./mixed.ts";
import { patroniSkipReason } from "./programs.ts";

const SKIP = patroniSkipReason();

unprivileged(import.meta.url, () => {
  const name = "we lead, Patroni's replicas follow" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    await using cluster = await mixedCluster([
      "matriarch",
      "patroni",
      "patroni",
    ]);
    await playAllModes(t, cluster);
  });
});
