/** What all pages are framed by: one HTML text without a build step. */

/** A page's own parts. */
export interface PageParts {
  /** After the product's name. */
  readonly title: string;
  readonly style: string;
  readonly script: string;
  /** How urgently a reader's program says that the page has lost its server. */
  readonly lossRole: "alert" | "status";
  /** What follows the head of the page. */
  readonly body: string;
}

/** The whole page. */
export function pageText(
  { title, style, script, lossRole, body }: PageParts,
): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Matriarch ${title}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header>
  <h1>Matriarch ${title} <span id="scope"></span></h1>
  <ul id="about"></ul>
</header>
<p id="lost" role="${lossRole}" hidden></p>
${body}
<script>${script}</script>
</body>
</html>
`;
}
