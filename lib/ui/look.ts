/** How all pages look, in light and in dark. */

/** CSS that they share. */
export const LOOK = `
:root { color-scheme: light dark;
  --paper: light-dark(#f6f5f1, #16181b); --card: light-dark(#fff, #1f2226);
  --ink: light-dark(#1d2126, #e6e4de); --soft: light-dark(#5f636a, #9da2aa);
  --line: light-dark(#dedbd3, #33373d); --write: light-dark(#a13d63, #e58aac);
  --read: light-dark(#24706a, #6fc7bd); --warn: light-dark(#b3261e, #ff8a80); }
* { box-sizing: border-box; }
body { background: var(--paper); color: var(--ink); margin: 0 auto;
  max-width: 68rem; padding: 2rem 1.25rem 3rem;
  font: 15px/1.5 ui-sans-serif, system-ui, sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { font-size: 1.5rem; letter-spacing: -.01em; margin: 0; text-wrap: balance; }
h1 span { color: var(--soft); font-weight: 400; }
h2 { font-size: 1rem; margin: 2.25rem 0 .5rem; }
#about { color: var(--soft); display: flex; flex-wrap: wrap; gap: .1rem 1.4rem;
  list-style: none; margin: .35rem 0 0; padding: 0; }
#lost { background: var(--warn); border-radius: .4rem; color: var(--paper);
  font-weight: 600; margin: 1rem 0 0; padding: .5rem .9rem; }
svg path { fill: none; stroke: var(--own); stroke-width: 1.5;
  vector-effect: non-scaling-stroke; }
svg path.area { fill: var(--own); opacity: .12; stroke: none; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .9rem .4rem 0;
  text-align: left; white-space: nowrap; }
th { color: var(--soft); font-size: .85rem; font-weight: 500; }
td:last-child, th:last-child { padding-right: 0; }
.n { text-align: right; }
.empty { color: var(--soft); }
footer { color: var(--soft); margin-top: 2.5rem; }
a { color: inherit; }
a:focus-visible, summary:focus-visible, button:focus-visible,
  .wide:focus-visible { outline: 2px solid var(--read); outline-offset: 2px; }
`;
