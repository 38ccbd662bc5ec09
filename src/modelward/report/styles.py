"""The looks of the page: one style sheet, inside the page itself.

Colours are those of Okabe & Ito (2008), chosen to be told apart by the colour-blind; no
meaning hangs on colour alone. Dark follows the reader's system; print is always light.
"""

LIGHT = """
  --paper: #fffefb; --ink: #1d1f21; --soft: #5d6167; --rule: #d8d6d0; --wash: #f5f3ee;
  --s0: #0072b2; --s1: #c25200; --s2: #00795a; --s3: #7d4f96;
  --better: #0072b2; --worse: #b34700; --same: #5d6167; --alert: #a30d0d;
"""

DARK = """
  --paper: #16181a; --ink: #e6e4df; --soft: #a2a6ab; --rule: #3a3d41; --wash: #202326;
  --s0: #62b6e8; --s1: #f0a060; --s2: #3fc39b; --s3: #c9a0dc;
  --better: #62b6e8; --worse: #f0a060; --same: #a2a6ab; --alert: #ff8f85;
"""

RULES = """
* { box-sizing: border-box }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100% }
body { max-width: 60rem; margin: 0 auto; padding: 3.5rem 1.5rem 5rem;
  font: 1.0625rem/1.55 "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L",
    "Book Antiqua", Georgia, serif }
header { border-bottom: 1px solid var(--ink); padding-bottom: 1.4rem; margin-bottom: 2.2rem }
.kicker, .number, caption, th, td, .cell, .tick, .small, .name, .site, .word, .sign, .note,
figcaption, dt {
  font-family: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif }
.kicker { font-size: .8rem; letter-spacing: .04em; color: var(--soft); margin: 0 }
h1 { font-size: 2.05rem; line-height: 1.2; font-weight: 500; margin: .6rem 0 .5rem;
  max-width: 24em; text-wrap: balance }
.standfirst { color: var(--soft); margin: 0; font-style: italic }
section { margin: 3rem 0 0 }
h2 { font-size: 1.3rem; font-weight: 600; line-height: 1.3; margin: 0 0 .9rem }
h2 .number { color: var(--soft); font-weight: 400; font-size: 1rem; margin-right: .7rem }
p, ul { max-width: 42rem; margin: 0 0 1rem; text-wrap: pretty }
.lead { font-size: 1.25rem; line-height: 1.5; max-width: 46rem }
.alert { border-left: 4px solid var(--alert); padding: .3rem 0 .3rem .9rem;
  color: var(--alert); font-weight: 600 }
ul { padding: 0; list-style: none }
li { margin: 0 0 .55rem; padding-left: 1rem; border-left: 2px solid var(--rule) }
li b { font-weight: 600 }
figure { margin: 1.2rem 0 2rem }
figcaption { font-size: .85rem; line-height: 1.45; color: var(--soft); max-width: 42rem;
  margin: .5rem 0 .9rem }
svg { display: block; max-width: 100%; height: auto; overflow: visible }
.scroll { overflow-x: auto; margin: 0 0 1.6rem }
.scroll:focus-visible { outline: 2px solid var(--s0); outline-offset: 3px }
table { border-collapse: collapse; font-size: .84rem; line-height: 1.35; min-width: 50% }
caption { text-align: left; font-weight: 600; padding: 0 0 .5rem; caption-side: top }
th, td { padding: .38rem .75rem .38rem 0; text-align: right; vertical-align: top;
  font-variant-numeric: tabular-nums; white-space: nowrap }
th:last-child, td:last-child { padding-right: 0 }
thead th { font-weight: 500; color: var(--soft); white-space: normal; vertical-align: bottom;
  border-top: 1.5px solid var(--ink); border-bottom: 1px solid var(--rule) }
tbody th { font-weight: 500 }
tbody tr:last-child > * { border-bottom: 1px solid var(--ink) }
.words { text-align: left; white-space: normal }
th.words:first-child { min-width: 6.5rem }
td small, th small { display: block; color: var(--soft); font-size: .9em; font-weight: 400 }
tr.first > * { border-top: 1px solid var(--rule) }
.long { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .9em;
  overflow-wrap: anywhere; max-width: 30rem }
.note { font-size: .78rem; line-height: 1.45; color: var(--soft); max-width: 48rem;
  margin: .3rem 0 0 }
.scroll:has(+ .note) { margin-bottom: .5rem } .note:has(+ .scroll) { margin-bottom: 1.8rem }
.note + p:not(.note), .note + ul { margin-top: 1.3rem }
.note + figure { margin-top: 1.8rem }
pre { background: var(--wash); padding: .8rem 1rem; margin: 0 0 1rem;
  white-space: pre-wrap; overflow-wrap: anywhere;
  font: .8rem/1.6 ui-monospace, "SF Mono", Menlo, Consolas, monospace }
footer { margin-top: 4rem; border-top: 1px solid var(--rule); padding-top: .8rem;
  color: var(--soft); font-size: .85rem }
text { fill: var(--ink); font-size: 12px }
.tick { fill: var(--soft); font-variant-numeric: tabular-nums }
.name { fill: var(--soft) }
.small { fill: var(--soft); font-size: 9px }
.site { font-size: 13px }
.axis { stroke: var(--soft); stroke-width: 1 }
.grid { stroke: var(--rule); stroke-width: .75 }
.zero { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3 }
.margin { stroke: var(--worse); stroke-width: 1; stroke-dasharray: 6 3 }
.line { fill: none; stroke-width: 1.7; stroke-linejoin: round }
.thin { stroke-width: 1; opacity: .75 }
.band { opacity: .13 } .band.s0 { fill: var(--s0) } .band.s1 { fill: var(--s1) }
.band.s2 { fill: var(--s2) } .band.s3 { fill: var(--s3) }
.mark { stroke: var(--paper); stroke-width: 1.1 }
.line.s0, .thin.s0 { stroke: var(--s0) } .mark.s0 { fill: var(--s0) }
.line.s1 { stroke: var(--s1) } .mark.s1 { fill: none; stroke: var(--s1); stroke-width: 1.5 }
.line.s2 { stroke: var(--s2) } .mark.s2 { fill: var(--s2) }
.line.s3 { stroke: var(--s3) } .mark.s3 { fill: var(--s3) }
.chance .line.s0 { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 1.5 3.5 }
.whisker { stroke-width: 1.5 }
.whisker.better { stroke: var(--better) } .estimate.better, .better { fill: var(--better) }
.whisker.worse { stroke: var(--worse) } .estimate.worse, .worse { fill: var(--worse) }
.whisker.same { stroke: var(--same) } .estimate.same, .same { fill: var(--same) }
.shade { fill: var(--s0) } .cell { font-variant-numeric: tabular-nums }
.cell.light { fill: var(--paper) }
.bar { fill: var(--s0); opacity: .75 } .bar.worse { fill: var(--worse) }
.whisker.over { stroke: var(--ink) }
.quiet .line.s0 { stroke: var(--soft); stroke-width: 1; opacity: .8 }
.faint .line.s0 { stroke-width: .7; opacity: .45 }
.pair { display: grid; gap: 0 3rem;
  grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)) }
figure td, figure tbody th { padding-top: .18rem; padding-bottom: .18rem }
.pair small { display: inline; margin-left: .5em }
@media (max-width: 40rem) {
  body { padding: 1.8rem 1.1rem 3rem; font-size: 1rem }
  h1 { font-size: 1.5rem } .lead { font-size: 1.1rem }
  .wide text { font-size: 15px } .wide .word { display: none }
}
@media print {
  @page { size: A4; margin: 16mm 15mm }
  html { font-size: 9.5pt } body { max-width: none; padding: 0 }
  section { margin-top: 2.2rem } h2, caption, figcaption { break-after: avoid }
  .scroll, svg, tr, li, pre { break-inside: avoid }
  .scroll { overflow: visible } svg.wide { max-width: 12.5cm }
  th, td { padding-right: .6rem } table { font-size: .74rem }
}
"""


def style_sheet() -> str:
    """Return the whole style sheet."""
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{{DARK}}} }}"
    return f":root {{ color-scheme: light dark;{LIGHT}}}\n{dark}\n{RULES}"
