import { createHash } from 'node:crypto';
import { visible } from '../../terminal/sanitize.js';

/**
 * Text as HTML. What hides or moves other text about is made visible first, so that a name cannot pass for another one,
 * on paper neither.
 */
export function html(text: string): string {
  return visible(text, { newlines: 'keep' }).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text that may be of another direction than what stands around it, which it must not turn around. */
export function apart(text: string): string {
  return `<bdi>${html(text)}</bdi>`;
}

/**
 * The beginning of a page that stands alone: it loads nothing and runs nothing, and says so to the browser. If a
 * text became markup by mistake, its scripts, images, forms and styles would be forbidden.
 */
export function pageBegin(title: string): string {
  const digest = createHash('sha256').update(STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${html(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${apart(title)}</h1>
`;
}

/** The end of a page, with what made it and when. */
export function pageEnd(words: string): string {
  return `</main>
<footer><p>${apart(words)}</p></footer>
</body>
</html>
`;
}

const STYLE = `
:root {
  --back: #fff; --text: #1c2026; --dim: #59636f; --line: #d8dde3; --soft: #f3f5f8;
  --accent: #2b6cb0; --added: #17703a; --removed: #b3261e; --warning: #8a5a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171b; --text: #e4e8ed; --dim: #9ba6b3; --line: #303841; --soft: #1d2228;
    --accent: #6cb0f2; --added: #6fce8f; --removed: #ff8f86; --warning: #e5b64b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 72rem; padding: 1.5rem 1.25rem 3rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; font-weight: 600; }
p { margin: .25rem 0; }
.dim, figcaption, footer, dt, th { color: var(--dim); }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); font-size: .85rem; }
table { width: 100%; border-collapse: collapse; margin: .75rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; font-size: .85rem; }
th.number, td.number { text-align: right; white-space: nowrap; }
td.fixed { white-space: nowrap; }
td.bar { width: 22%; min-width: 5rem; padding: .65rem 0 0; }
tr.command td { border-bottom: 1px solid var(--line); padding-top: 0; }
tr.with td { border-bottom: 0; }
svg { display: block; width: 100%; fill: var(--accent); }
svg.bar { height: .8rem; }
svg.course { height: 9rem; border-bottom: 1px solid var(--line); }
.tone0 { fill: var(--accent); }
.tone1 { fill: var(--warning); }
.tone2 { fill: var(--removed); }
.tone3 { fill: var(--added); }
.tone4 { fill: var(--text); }
.tone5 { fill: var(--line); }
ul.legend { list-style: none; padding: 0; margin: .75rem 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
svg.key { display: inline-block; width: .8em; height: .8em; margin-right: .4em; }
table.week { table-layout: fixed; }
table.week th, table.week td { padding: 1px; border: 0; text-align: center; }
table.week th[scope="row"] { text-align: left; }
svg.hour { height: 1.4rem; }
figure { margin: 1rem 0; }
figcaption { display: flex; justify-content: space-between; gap: 1rem; font-size: .85rem; }
code, pre { font: .85rem/1.45 ui-monospace, monospace; white-space: pre-wrap; }
pre { margin: .4rem 0; }
.message { white-space: pre-wrap; margin: .3rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .75rem 0; }
dd { margin: 0; }
article { border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; margin: .6rem 0; }
article.note { background: var(--soft); }
article.taken h3, article.taken .message { text-decoration: line-through; }
.mark { color: var(--warning); }
a { color: inherit; }
section.run { border-left: 3px solid var(--line); padding-left: .75rem; margin: .9rem 0; }
details { margin: .4rem 0; }
summary { cursor: pointer; }
td.old { color: var(--removed); }
td.new { color: var(--added); }
@media (max-width: 40rem) {
  td.bar, th.bar { display: none; }
  td.fixed { white-space: normal; }
  body { padding: 1rem .75rem 2rem; }
}
@media print {
  :root {
    --back: #fff; --text: #000; --dim: #444; --line: #bbb; --soft: #fff;
    --accent: #444; --added: #000; --removed: #000; --warning: #000;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  /* An entry is a few lines of small print, with its changes and metadata one after the other. */
  article { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: .1rem 0; margin: 0; }
  article, section.run > p, details { font-size: 7pt; line-height: 1.25; }
  article h3, article p, article pre, article pre bdi, article code { display: inline; font-size: inherit; line-height: inherit; margin: 0; }
  article pre, article .message { white-space: normal; }
  article table, article tbody, article tr, article td { display: inline; border: 0; padding: 0; margin: 0; }
  article thead { display: none; }
  article td:first-child::after { content: ": "; }
  article td.old:not(:empty)::after { content: " \\2192  "; }
  article td.new::after { content: "; "; }
  section.run { border-left-width: 2px; padding-left: .4rem; margin: .15rem 0; }
  details { margin: 0; }
  a { text-decoration: none; }
  svg.course { height: 3rem; }
  .tone0 { fill: #333; }
  .tone1 { fill: #888; }
  .tone2 { fill: #000; }
  .tone3 { fill: #bbb; }
  .tone4 { fill: #666; }
  .tone5 { fill: #ddd; }
  thead { display: table-header-group; }
  tr, article, figure { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
@page { margin: 15mm; }
`;
