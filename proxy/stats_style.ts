/** How the statistics page looks, besides what all pages share. */
import { LOOK } from "../lib/ui/look.ts";

/** CSS. */
export const STATS_STYLE = `
${LOOK}#doors { display: grid; gap: 1rem; margin-top: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); }
.door { background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; padding: 1.1rem 1.25rem; }
.door.primary { --own: var(--write); } .door.replica { --own: var(--read); }
.door h3 { font-size: 1rem; margin: 0; }
.door h3 span { color: var(--soft); font-weight: 400; }
.door .to { color: var(--own); font-weight: 600; overflow-wrap: anywhere; }
.door .to.none { color: var(--warn); }
.now { align-items: baseline; display: flex; gap: 1.6rem; margin: .8rem 0 0; }
.now div { color: var(--soft); }
.now b { color: var(--ink); display: block; font-size: 1.9rem; line-height: 1.1;
  font-weight: 600; }
.now .held b { color: var(--warn); }
svg { display: block; height: 3.5rem; margin: .9rem 0 .2rem; width: 100%; }
.caption { color: var(--soft); display: flex; font-size: .85rem;
  justify-content: space-between; }
.totals { border-top: 1px solid var(--line); color: var(--soft); display: flex;
  flex-wrap: wrap; font-size: .9rem; gap: .1rem 1.1rem; margin: .9rem 0 0;
  padding: .7rem 0 0; }
.totals b { color: var(--ink); font-weight: 600; }
#changes { list-style: none; margin: 0; padding: 0; }
#changes li { border-bottom: 1px solid var(--line); display: flex; gap: 1.2rem;
  padding: .4rem 0; }
#changes time { color: var(--soft); }
#changes time { flex: none; }
`;
