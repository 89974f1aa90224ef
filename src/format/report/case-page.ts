import type { Case, CaseEntry, CaseRelated } from '../../core/case.js';
import type { FieldDifference } from '../../core/diff.js';
import { clockFor } from '../../terminal/time.js';
import type { Clock } from '../../terminal/time.js';
import { indentJson } from '../json-text.js';
import { shownEntity } from '../words.js';
import { detailWords, documentShown, personText, summaryFacts } from './case-text.js';
import { apart, html, pageBegin, pageEnd } from './page.js';

/** A case as a page to hand to somebody, in pieces. `made` says what made it, and when. */
export async function* casePage(
  { summary, history, related, moreRelated }: Case,
  { zone, made }: { readonly zone: string; readonly made: string },
): AsyncGenerator<string> {
  const clock = await clockFor(zone);
  yield pageBegin(`Case ${summary.entity}`);
  const facts = summaryFacts(summary, clock).map(([label, text]) => {
    const shown = label === 'sha256' || label === 'check it' ? `<code>${apart(text)}</code>` : apart(text);
    return `<dt>${html(label)}</dt><dd>${shown}</dd>\n`;
  });
  yield `<p class="dim">times in ${html(clock.zone)}</p>\n<dl>\n${facts.join('')}</dl>\n<h2>History</h2>\n`;
  for await (const entries of history) {
    yield entries.map((entry) => entryArticle(entry, clock)).join('');
  }
  let heading = '<h2>In the same units of work</h2>\n';
  for await (const unit of related) {
    yield heading + relatedTable(unit, clock);
    heading = '';
  }
  if (moreRelated) yield '<p class="dim">There are more units of work than were looked at.</p>\n';
  yield pageEnd(made);
}

function entryArticle({ entry, changes, takenBackBy }: CaseEntry, clock: Clock): string {
  const { weekday, date, time, zone } = clock.text(entry.ts);
  const classes = [...(entry.action === 'note' ? ['note'] : []), ...(takenBackBy === null ? [] : ['taken'])];
  const severity = entry.severity === 'info' ? '' : ` <span class="mark">${html(entry.severity)}</span>`;
  const reverts = entry.reverts === null ? '' : ` takes back ${apart(entry.reverts)}`;
  const details = detailWords(entry, takenBackBy, clock).map((text) => `<p class="dim">${apart(text)}</p>\n`);
  const metadata = entry.metadata === '{}' ? '' : `<pre><bdi>${html(indentJson(entry.metadata))}</bdi></pre>\n`;
  const message = entry.message === '' ? '' : `<p class="message">${apart(entry.message)}</p>\n`;
  return `<article${classes.length === 0 ? '' : ` class="${classes.join(' ')}"`}>
<h3>${apart(entry.action)}, ${apart(personText(entry))}${severity}</h3>
<p class="dim">#${entry.seq}, ${html(`${weekday} ${date} ${time} ${zone}`)}, ${apart(entry.id)}${reverts}</p>
${message}${changes.length === 0 ? '' : changesTable(changes)}${metadata}${details.join('')}</article>
`;
}

function changesTable(changes: readonly FieldDifference[]): string {
  const rows = changes.map(
    ({ path, old, new: now }) =>
      `<tr><td>${apart(path)}</td><td class="old">${valueOf(old)}</td><td class="new">${valueOf(now)}</td></tr>\n`,
  );
  return `<table>
<thead><tr><th scope="col">field</th><th scope="col">before</th><th scope="col">after</th></tr></thead>
<tbody>
${rows.join('')}</tbody>
</table>
`;
}

function valueOf(json: string | undefined): string {
  if (json === undefined) return '';
  const document = documentShown(json);
  return document === undefined ? `<code>${apart(json)}</code>` : `<pre><bdi>${html(indentJson(document))}</bdi></pre>`;
}

function relatedTable({ correlation_id: id, count, entries }: CaseRelated, clock: Clock): string {
  const rows = entries.map(
    (entry) =>
      `<tr><td class="number">#${entry.seq}</td><td class="fixed">${html(clock.iso(entry.ts))}</td><td>${apart(personText(entry))}</td><td>${apart(entry.action)}</td><td>${apart(shownEntity(entry))}</td><td>${apart(entry.message)}</td></tr>\n`,
  );
  const rest = count > entries.length ? `<p class="dim">and ${count - entries.length} more</p>\n` : '';
  const headings = ['seq', 'time', 'who', 'action', 'about', 'message'].map((text) => `<th scope="col">${text}</th>`);
  return `<h3>${apart(id)}</h3>
<table>
<thead><tr>${headings.join('')}</tr></thead>
<tbody>
${rows.join('')}</tbody>
</table>
${rest}`;
}
