/**
 * The cluster page: one HTML text without a build step. It asks for nothing but
 * the stream of events beside it. Looks stand in `page_style.ts`, what it does in
 * `page_script.ts`.
 */
import { pageText } from "./page_frame.ts";
import { PAGE_SCRIPT } from "./page_script.ts";
import { PAGE_STYLE } from "./page_style.ts";

/** The whole page. */
export const CLUSTER_PAGE = pageText({
  title: "cluster",
  style: PAGE_STYLE,
  script: PAGE_SCRIPT,
  lossRole: "alert",
  body: `<main>
  <div id="state" role="status"><p>Waiting for the first word.</p></div>
  <section aria-labelledby="members-title"><h2 id="members-title">Members</h2>
    <ul id="members"></ul></section>
  <section aria-labelledby="proxies-title"><h2 id="proxies-title">Proxies</h2>
    <div class="wide" tabindex="0" role="group"
      aria-labelledby="proxies-title"><table><thead><tr>
      <th scope="col">Beside<th class="n" scope="col">Sessions
      <th class="n" scope="col">Waiting<th scope="col">Version</thead>
      <tbody id="proxies"></tbody></table></div></section>
  <section aria-labelledby="failovers-title">
    <h2 id="failovers-title">Last changes of leader</h2>
    <ol id="failovers"></ol></section>
</main>
<dialog id="ask" aria-labelledby="ask-title"><form id="ask-form">
  <h2 id="ask-title"></h2>
  <p><label>User of the REST API <input id="ask-user" autocomplete="username"
    required></label></p>
  <p><label>Password <input id="ask-password" type="password"
    autocomplete="current-password" required></label></p>
  <p class="acts"><button id="ask-first" class="act">What would happen?</button>
    <button id="ask-do" class="act" type="button" disabled>Do it</button>
    <button id="ask-close" class="act" type="button">Close</button></p>
  <pre id="ask-text" role="status"></pre>
</form></dialog>`,
});

/** Base64 of a text's SHA-256, as a Content-Security-Policy names a script or style. */
async function hashOf(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toBase64();
}

/**
 * The policy under which the page is shown: nothing but its own style and
 * script, and requests to where it came from.
 */
export async function pagePolicy(): Promise<string> {
  const [script, style] = await Promise.all([
    hashOf(PAGE_SCRIPT),
    hashOf(PAGE_STYLE),
  ]);
  return [
    "default-src 'none'",
    `script-src 'sha256-${script}'`,
    `style-src 'sha256-${style}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
