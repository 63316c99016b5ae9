/* SPDX-License-Identifier: MIT */
/* How the HTML report looks: one sheet, light and dark, nothing loaded from anywhere. */
#include "report/html.h"

/* No ampersand and no less-than: the page is well-formed XML too. */
/* clang-format off */
const char html_style[] =
	":root{color-scheme:light dark;--ink:#1b1f24;--dim:#667080;--line:#d9dee5;--page:#fff;--card:#f6f8fa;"
	"--error:#b42318;--warning:#9a6700;--info:#3b6ea8;--pass:#1a7f37;--peer:#8250df;--kernel:#0969da;--target:#1b1f24;--fault:#b42318}\n"
	"@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#8b949e;--line:#30363d;--page:#0d1117;--card:#161b22;"
	"--error:#ff7b72;--warning:#d29922;--info:#79c0ff;--pass:#3fb950;--peer:#d2a8ff;--kernel:#79c0ff;--target:#e6edf3;--fault:#ff7b72}}\n"
	"body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);margin:2rem auto;max-width:70rem;padding:0 1rem}\n"
	"h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .6rem}h3{font-size:1rem;margin:0}\n"
	"code,pre,.story{font-family:ui-monospace,monospace;font-size:13px}\n"
	"pre{background:var(--card);border:1px solid var(--line);border-radius:4px;padding:.5rem;overflow-x:auto;margin:.3rem 0}\n"
	".meta,.where,.dim{color:var(--dim)}.meta{margin:.2rem 0}\n"
	".sums{list-style:none;display:flex;gap:.6rem;padding:0;flex-wrap:wrap}.sums li{border:1px solid var(--line);border-radius:6px;padding:.3rem .8rem}\n"
	".sums b{font-size:1.2rem}\n"
	"article{border:1px solid var(--line);border-left-width:4px;border-radius:6px;padding:.8rem 1rem;margin:0 0 1rem}\n"
	"article.error{border-left-color:var(--error)}article.warning{border-left-color:var(--warning)}article.info{border-left-color:var(--info)}\n"
	".badge{font-weight:400;margin-right:.5rem}.error .badge,.fail,.broken{color:var(--error)}.warning .badge{color:var(--warning)}.info .badge{color:var(--info)}\n"
	".pass{color:var(--pass)}.skip{color:var(--dim)}\n"
	"table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600}\n"
	"th,td{padding:.15rem .6rem .15rem 0;vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}\n"
	".cases td,.cases th{border-bottom:1px solid var(--line)}\n"
	".story td{padding:0 .8rem 0 0;white-space:pre-wrap}.story td:last-child{width:100%}.story td.n{color:var(--dim)}\n"
	".story .peer{color:var(--peer)}.story .kernel{color:var(--kernel)}.story .fault{color:var(--fault)}.story .mark{color:var(--dim)}\n"
	"svg{width:100%;height:auto;display:block;margin:.5rem 0}svg text{font:11px ui-monospace,monospace;fill:var(--dim)}svg line{stroke:var(--line)}\n"
	"svg rect{fill:var(--error);opacity:.12}svg .peer{fill:var(--peer)}svg .kernel{fill:var(--kernel)}svg .target{fill:var(--target)}svg .fault{fill:var(--fault)}\n"
	"dt{font-weight:600;margin-top:.5rem}dd{margin:0}summary{cursor:pointer}\n"
	;
/* clang-format on */
