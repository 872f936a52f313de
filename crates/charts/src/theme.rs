//! Colours and fonts of all pictures, as CSS.
//!
//! Each colour is a CSS variable, with one set of values for light and one for dark. All
//! other styles are the same in both, and apply to elements inside `.chart`.

/// The colours in light.
pub const LIGHT: &str = "\
    --paper: #ffffff; --ink: #1f2328; --quiet: #59636e; --rule: #d1d9e0; --faint: #f6f8fa; \
    --accent: #0969da; --bad: #cf222e; --good: #1a7f37; --bad-band: #ffebe9; \
    --cell-good: #1a7f37; --cell-bad: #cf222e; --cell-open: #9a6700; \
    --series-0: #0969da; --series-1: #bc4c00; --series-2: #0f7b6c; \
    --series-3: #bf3989; --series-4: #7d5f00; --series-5: #59636e;";

/// The colours in dark.
pub const DARK: &str = "\
    --paper: #0d1117; --ink: #f0f6fc; --quiet: #9198a1; --rule: #3d444d; --faint: #151b23; \
    --accent: #4493f8; --bad: #ff7b72; --good: #3fb950; --bad-band: #3c1618; \
    --cell-good: #238636; --cell-bad: #b62324; --cell-open: #9e6a03; \
    --series-0: #4493f8; --series-1: #f0883e; --series-2: #3fb8a0; \
    --series-3: #f778ba; --series-4: #d9b84c; --series-5: #9198a1;";

/// The number of styles of series. Further series start again with the first style.
pub(crate) const SERIES: usize = 6;

/// The styles. All colours come from the variables.
pub const STYLE: &str = "
.chart { font: 13px system-ui, sans-serif; background: var(--paper); color: var(--ink) }
.chart text { fill: currentColor }
.chart .title { font-size: 16px; font-weight: 600 }
.chart .strong { font-weight: 600 }
.chart .quiet { fill: var(--quiet); font-size: 12px }
.chart .aside { font-style: italic }
.chart .end { text-anchor: end }
.chart .middle { text-anchor: middle }
.chart .rule { stroke: var(--rule) }
.chart .axis { stroke: var(--quiet) }
.chart .mark { stroke: var(--quiet); stroke-dasharray: 2 3 }
.chart .halo { stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; paint-order: stroke }
.chart .faint { fill: var(--faint) }
.chart .small { font-size: 11px }
.chart .edge { fill: none; stroke: var(--quiet); stroke-width: 1.3 }
.chart .tip { fill: var(--quiet) }
.chart .node-first { fill: var(--bad-band); stroke: var(--bad); stroke-width: 1.5 }
.chart .node { fill: var(--faint); stroke: var(--quiet) }
.chart .accent { fill: var(--accent) }
.chart .bad { fill: var(--bad) }
.chart .good { fill: var(--good) }
.chart text.bad, .chart text.good { font-weight: 600 }
.chart .on-accent { fill: var(--paper); font-weight: 600 }
.chart .ground { fill: var(--paper) }
.chart .bad-band { fill: var(--bad-band) }
.chart .s0 { --colour: var(--series-0) }
.chart .s1 { --colour: var(--series-1); --dash: 8 4 }
.chart .s2 { --colour: var(--series-2); --dash: 2 3 }
.chart .s3 { --colour: var(--series-3); --dash: 10 3 2 3 }
.chart .s4 { --colour: var(--series-4); --dash: 5 3 }
.chart .s5 { --colour: var(--series-5); --dash: 12 4 }
.chart .line { fill: none; stroke: var(--colour); stroke-width: 2; stroke-dasharray: var(--dash, none); stroke-linejoin: round }
.chart .band { fill: var(--colour); opacity: 0.18 }
.chart .fill { fill: var(--colour) }
.chart text.fill { fill: var(--colour) }
.chart .hollow { fill: var(--colour); fill-opacity: 0.3; stroke: var(--colour); stroke-width: 1.5 }
.chart .point { fill: var(--paper); stroke: var(--colour); stroke-width: 2 }
.chart .whisker { stroke: var(--ink); stroke-width: 1.5 }
.chart .outline { fill: none; stroke: var(--ink); stroke-width: 1.5 }
.chart .cell { fill: #ffffff; font-weight: 600; text-anchor: middle }
.chart .cell-good { fill: var(--cell-good) }
.chart .cell-bad { fill: var(--cell-bad) }
.chart .cell-open { fill: var(--cell-open) }
.chart .cell-plain { fill: var(--faint); stroke: var(--rule) }
.chart text.cell-plain { fill: var(--ink); stroke: none; text-anchor: middle }
";

/// The style of a standalone picture. The browser chooses light or dark.
pub fn of_a_picture() -> String {
    format!(
        ".chart {{ {LIGHT} }}\n@media (prefers-color-scheme: dark) {{ .chart {{ {DARK} }} }}{STYLE}"
    )
}

/// The style of a page with pictures in it. The browser chooses light or dark, unless the
/// root of the page has `data-theme="light"` or `data-theme="dark"`. Print is always light.
pub fn of_a_page() -> String {
    format!(
        ":root {{ color-scheme: light; {LIGHT} }}
@media screen {{ :root[data-theme=dark] {{ color-scheme: dark; {DARK} }} }}
@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ color-scheme: dark; {DARK} }} }}{STYLE}"
    )
}
