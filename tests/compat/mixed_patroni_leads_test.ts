/** Patroni's leader with our replicas: every mode, every change of leader. */
import { unprivileged } from "../helpers/unprivileged.ts";
import { mixedCluster, playAllModes } from "./mixed.ts";
import { patroniSkipReason } from "./programs.ts";

const SKIP = patroniSkipReason();

unprivileged(import.meta.url, () => {
  const name = "Patroni leads, our replicas follow" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    await using cluster = await mixedCluster([
      "patroni",
      "matriarch",
      "matriarch",
    ]);
    await playAllModes(t, cluster);
  });
});
