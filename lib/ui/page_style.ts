/** How the cluster page looks, besides what all pages share. */
import { LOOK } from "./look.ts";

/** CSS. */
export const PAGE_STYLE = `${LOOK}
body { overflow-wrap: anywhere; }
#state { background: var(--card); border: 1px solid var(--line);
  border-left: .35rem solid var(--read); border-radius: .6rem;
  margin-top: 1.5rem; padding: .9rem 1.25rem; }
#state.bad { border-left-color: var(--warn); }
#state p { margin: 0; }
#state .leader { font-size: 1.25rem; font-weight: 600; }
#state .note { color: var(--soft); }
#members, #members .below, #failovers, .facts { list-style: none; margin: 0;
  padding: 0; }
#members .below { border-left: 1px solid var(--line); margin-left: .6rem;
  padding-left: .9rem; }
.card { background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; margin: 0 0 .8rem; padding: .8rem 1.1rem; }
.card.leader { --own: var(--write); } .card { --own: var(--read); }
.card h3 { align-items: baseline; display: flex; flex-wrap: wrap;
  font-size: 1.05rem; gap: .1rem .8rem; margin: 0; }
.card h3 span { color: var(--soft); font-size: .95rem; font-weight: 400; }
.card h3 .role { color: var(--own); font-weight: 600; }
.facts { color: var(--soft); display: flex; flex-wrap: wrap; font-size: .93rem;
  gap: .1rem 1.2rem; margin-top: .25rem; }
.facts b { color: var(--ink); font-weight: 600; }
.facts .bad, .bad > b, .verdict.cannot { color: var(--warn); }
.verdict { margin: .35rem 0 0; }
.verdict.can, .verdict.leads { color: var(--own); }
.lag { align-items: center; display: flex; flex-wrap: wrap; gap: .2rem .9rem;
  margin-top: .4rem; }
.lag svg { flex: 1 1 12rem; height: 2.2rem; max-width: 24rem; min-width: 8rem; }
.lag span { color: var(--soft); font-size: .9rem; }
#failovers > li { border-bottom: 1px solid var(--line); padding: .6rem 0; }
#failovers summary { cursor: pointer; }
#failovers time { color: var(--soft); }
.bar { display: block; height: 1.1rem; margin: .4rem 0 .2rem; width: 100%; }
.bar rect { fill: var(--read); stroke: var(--paper); stroke-width: 1;
  vector-effect: non-scaling-stroke; }
.bar rect:nth-child(2n) { fill: var(--write); }
.phases { color: var(--soft); font-size: .9rem; margin: 0; padding-left: 1.2rem; }
.phases b { color: var(--ink); font-weight: 600; }
.acts { display: flex; flex-wrap: wrap; gap: .4rem; margin: .5rem 0 0; }
.acts:empty { display: none; }
.act { background: transparent; border: 1px solid var(--soft);
  border-radius: .4rem; color: inherit; cursor: pointer; font: inherit;
  font-size: .9rem; padding: .15rem .7rem; overflow-wrap: anywhere; }
.act:disabled { border-color: var(--line); color: var(--soft);
  cursor: default; }
dialog { background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; color: inherit; max-width: 40rem; padding: 1.2rem;
  width: calc(100% - 1.4rem); }
dialog h2 { margin: 0; }
dialog label { color: var(--soft); display: block; }
dialog input { background: var(--paper); border: 1px solid var(--soft);
  border-radius: .4rem; color: var(--ink); display: block; font: inherit;
  padding: .2rem .5rem; width: 100%; }
dialog pre { font: inherit; margin: .8rem 0 0; white-space: pre-wrap; }
details p { margin: .3rem 0; }
@media (max-width: 30rem) {
  body { padding: 1rem .7rem 2rem; }
  #members .below { margin-left: .15rem; padding-left: .5rem; }
  .card { padding: .7rem .8rem; }
}
`;
