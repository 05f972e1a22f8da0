/**
 * The page at port 7000: one HTML text without a build step, which draws
 * `/stats` once a second. Values are set as text, never as markup. Looks stand
 * in `stats_style.ts`, what it does in `stats_script.ts`.
 */
import { pageText } from "../lib/ui/page_frame.ts";
import { STATS_SCRIPT } from "./stats_script.ts";
import { STATS_STYLE } from "./stats_style.ts";

/** The whole page. */
export const STATS_PAGE = pageText({
  title: "proxy",
  style: STATS_STYLE,
  script: STATS_SCRIPT,
  lossRole: "status",
  body: `<main>
  <div id="doors"></div>
  <section><h2>Backends</h2>
    <div class="wide"><table><thead><tr>
      <th>Member<th>Route<th>Address<th>New clients<th class="n">Sessions
      <th class="n">In total<th class="n">To backend<th class="n">From backend
      <th class="n">Failed dials</thead><tbody id="backends"></tbody></table>
    </div></section>
  <section><h2>Not routed</h2>
    <div class="wide"><table><tbody id="excluded"></tbody></table></div>
  </section>
  <section><h2>Last switches</h2><ol id="changes"></ol></section>
</main>
<footer>Also as <a href="stats">JSON</a> and for
  <a href="metrics">Prometheus</a>.</footer>`,
});
