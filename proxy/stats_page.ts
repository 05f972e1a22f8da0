/**
 * The page at port 7000: one HTML text without a build step, which draws
 * `/stats` once a second. Values are set as text, never as markup. Looks stand
 * in `stats_style.ts`, what it does in `stats_script.ts`.
 */
import { STATS_SCRIPT } from "./stats_script.ts";
import { STATS_STYLE } from "./stats_style.ts";

/** The whole page. */
export const STATS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Matriarch proxy</title>
<link rel="icon" href="data:,">
<style>${STATS_STYLE}</style>
</head>
<body>
<header>
  <h1>Matriarch proxy <span id="scope"></span></h1>
  <ul id="about"></ul>
</header>
<p id="lost" role="status" hidden></p>
<main>
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
  <a href="metrics">Prometheus</a>.</footer>
<script>${STATS_SCRIPT}</script>
</body>
</html>
`;
