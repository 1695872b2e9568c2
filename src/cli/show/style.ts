import {kinds} from './words.js';

/** The colours of both themes, as custom properties. Text has a contrast of 4.5 or more on each. */
const light = `
  --paper: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0; --panel: #f6f8fa; --link: #0550ae;
  --good: #116329; --bad: #b3261e; --accent: #0550ae; --on-accent: #ffffff; --changed: #cf222e;
  --header: #d7c1f0; --linking: #aedbe6; --code: #b6cbf7; --constant: #c4e5bd; --data: #f6d994;
  --unloaded: #d9dce0; --gap: #1f883d; --slack: #0f766e; --padding: #eff1f3; --payload: #f6bcd3;
  --unknown: #f2b2a4; --on-free: #ffffff;`;
const dark = `
  --paper: #0f1318; --ink: #e6eaef; --soft: #9ba5b0; --line: #343b44; --panel: #171c23; --link: #79b8ff;
  --good: #56d364; --bad: #ff8a80; --accent: #2f6fd6; --on-accent: #ffffff; --changed: #ff7b72;
  --header: #5a3f85; --linking: #1c5c6e; --code: #2a4a96; --constant: #2a6431; --data: #77560f;
  --unloaded: #474c53; --gap: #4ad15f; --slack: #2dd4bf; --padding: #232930; --payload: #862d55;
  --unknown: #8c3425; --on-free: #04260c;`;

export const themes = `:root { color-scheme: light dark; ${light} }
@media (prefers-color-scheme: dark) { :root { ${dark} } }`;

const blockRules = kinds.map((kind) => `.k-${kind} { background: var(--${kind}); }`).join('\n');

/** What the page of \`show\` and the playground share. */
export const pageStyle = `${themes}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 4rem; max-width: 72rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; }
a { color: var(--link); }
.soft { color: var(--soft); }
.mono, td.num, code, dd { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: .875rem; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: 1rem 0; }
dl.facts dd.lines { flex-direction: column; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; display: flex; flex-wrap: wrap; gap: .15rem .9rem; }
.good { color: var(--good); } .good::before { content: "\\2713\\00a0"; }
.bad { color: var(--bad); } .bad::before { content: "\\2717\\00a0"; }
.map { margin: .5rem 0 1rem; }
.row { margin: .55rem 0; }
.row > .label { display: block; font-size: .8125rem; color: var(--soft); }
.strip { position: relative; height: 2rem; border-radius: 4px; overflow: hidden; background: var(--panel); }
.whole .strip { height: 2.6rem; }
.strip span { position: absolute; top: 0; bottom: 0; overflow: hidden; white-space: nowrap; font-size: .75rem;
  display: flex; align-items: center; justify-content: center; }
.strip span:hover { outline: 2px solid var(--ink); outline-offset: -2px; }
.strip .seam { box-shadow: inset -1px 0 var(--paper); }
.k-gap, .k-slack { color: var(--on-free); }
${blockRules}
.marks { position: relative; height: .6rem; margin-top: 2px; }
.marks i { position: absolute; top: 0; bottom: 0; min-width: 3px; background: var(--changed); border-radius: 1px; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.25rem; margin: .75rem 0; padding: 0; list-style: none;
  font-size: .875rem; }
.legend i { display: inline-block; width: .9em; height: .9em; margin-right: .45em; border-radius: 2px;
  vertical-align: -.1em; border: 1px solid var(--line); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th { text-align: left; font-weight: 600; color: var(--soft); background: var(--panel); }
th, td { padding: .3rem .75rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
td.num, th.num { text-align: right; white-space: nowrap; }
td.name { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; min-width: 9rem; }
td .swatch { display: inline-block; width: .75em; height: .75em; border-radius: 2px; margin-right: .5em;
  border: 1px solid var(--line); }
details > summary { cursor: pointer; font-weight: 600; font-size: 1.15rem; margin: 2rem 0 .75rem; }
@media (max-width: 45rem) {
  .strip span { font-size: 0; }
  .wide { display: none; }
  dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dt { margin-top: .6rem; }
}
@media print { body { max-width: none; } .strip, .legend i { print-color-adjust: exact; } }`;
