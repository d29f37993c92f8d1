"""The page's only style; it is allowed by its hash, and nothing else is."""

from __future__ import annotations

import base64
import hashlib

_DARK = """--page: #16181b; --card: #1e2125; --ink: #e7e9ec; --soft: #a3abb5; --line: #34393f; --own: #6aa5e3;
  --other: #e0a24a; --track: #2b3036; --bad: #ff9a8c; --badback: #34201d; --warn: #f0c674; --warnback: #2f281a;"""
_LIGHT = """--page: #fbfbfa; --card: #ffffff; --ink: #1d2125; --soft: #5b6470; --line: #dfe2e6; --own: #2f6fb5;
  --other: #c07b1e; --track: #eceef1; --bad: #a5281b; --badback: #fdf1ef; --warn: #7a5200; --warnback: #fdf6e5;"""
# An editor that shows the page marks its body with its own theme, which need not be the machine's.
_COLOURS = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
body.vscode-light {{ color-scheme: light; {_LIGHT} }}
body.vscode-dark {{ color-scheme: dark; {_DARK} }}
"""
_REST = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 0 0 .75rem; }
h3 { font-size: .95rem; margin: 1.25rem 0 .4rem; }
p { margin: .4rem 0; }
.soft, .source { color: var(--soft); }
.source { font-size: .8rem; margin-top: .8rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1.1rem 1.25rem;
  margin-top: 1rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin-top: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; }
.card b { display: block; font-size: 1.35rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.card span { font-size: .85rem; color: var(--soft); }
td svg.share { margin-top: .45rem; }
.note { margin-top: 1rem; background: var(--warnback); color: var(--warn); border-radius: 6px; padding: .6rem .8rem; }
.finding { background: var(--badback); border-left: 3px solid var(--bad); border-radius: 4px; padding: .6rem .8rem;
  margin: .6rem 0; }
svg { display: block; width: 100%; }
svg.bars, svg.sum { height: 9rem; }
svg.share { height: .55rem; min-width: 5rem; border-radius: 3px; }
.own { fill: var(--own); } .other { fill: var(--other); } .track { fill: var(--track); }
.ahead { fill: none; stroke: var(--own); stroke-width: 2; stroke-dasharray: 5 4; vector-effect: non-scaling-stroke; }
.fan { fill: var(--own); opacity: .18; }
.curve { fill: none; stroke: var(--own); stroke-width: 2; vector-effect: non-scaling-stroke; }
.rule { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.axis { display: flex; justify-content: space-between; font-size: .78rem; color: var(--soft);
  font-variant-numeric: tabular-nums; }
.key { display: inline-block; width: .7rem; height: .7rem; border-radius: 2px; margin: 0 .3rem 0 .8rem; }
.key.k-own { background: var(--own); margin-left: 0; } .key.k-other { background: var(--other); }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .8rem; }
th, td { padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th.n { white-space: normal; }
td.wide { min-width: 12rem; }
details { margin-top: .8rem; } summary { cursor: pointer; color: var(--soft); font-size: .85rem; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  main { padding: 1rem .75rem 2rem; } section { padding: .9rem .9rem; }
  .cards { grid-template-columns: 1fr 1fr; gap: .5rem; } .card { padding: .6rem .7rem; } .card b { font-size: 1.15rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; } tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  tr:last-child { border-bottom: 0; }
  td, td.n, td.wide { display: flex; justify-content: space-between; gap: 1rem; min-width: 0; padding: .1rem 0;
    border: 0; text-align: right; white-space: normal; }
  td::before { content: attr(data-name); color: var(--soft); font-size: .8rem; text-align: left; flex: none;
    max-width: 45%; }
  td.head { display: block; text-align: left; font-weight: 600; } td.head::before { content: none; }
}
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --own: #2f6fb5;
    --other: #c07b1e; --track: #eee; --bad: #a5281b; --badback: #fff; --warn: #5a3d00; --warnback: #fff; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  section { break-inside: avoid-page; border-color: #bbb; } tr { break-inside: avoid; }
  * { print-color-adjust: exact; }
}
"""
STYLE = _COLOURS + _REST
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
