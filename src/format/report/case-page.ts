import type { Case, CaseEntry, CaseRelated } from '../../core/case.js';
import type { FieldDifference } from '../../core/diff.js';
import type { Bucket } from '../../core/buckets.js';
import type { BucketRow } from '../../core/report.js';
import { clockFor } from '../../terminal/time.js';
import type { Clock } from '../../terminal/time.js';
import { indentJson } from '../json-text.js';
import { shownEntity } from '../words.js';
import { documentShown, personText, plainDetails, summaryFacts, takenBackWords } from './case-text.js';
import { courseFigure } from './html.js';
import { apart, html, pageBegin, pageEnd } from './page.js';
import { points } from './views.js';

/** A case as a page to hand to somebody, in pieces. `made` says what made it, and when; `course` how it went over time. */
export async function* casePage(
  { summary, history, related, moreRelated }: Case,
  { zone, made, bucket, course }: CasePageOptions,
): AsyncGenerator<string> {
  const clock = await clockFor(zone);
  // They are few, and read first: only what the page holds is linked.
  const units: CaseRelated[] = [];
  for await (const unit of related) units.push(unit);
  const links: Links = {
    units: new Set(units.map((unit) => unit.correlation_id)),
    told: new Set(),
    takenBack: new Set(),
  };
  yield pageBegin(`Case ${summary.entity}`);
  if (course.length > 1) yield courseFigure(points(clock, bucket, course));
  const facts = summaryFacts(summary, clock).map(([label, text]) => {
    const shown = label === 'sha256' || label === 'check it' ? `<code>${apart(text)}</code>` : apart(text);
    return `<dt>${html(label)}</dt><dd>${shown}</dd>\n`;
  });
  yield `<p class="dim">times in ${html(clock.zone)}</p>\n<dl>\n${facts.join('')}</dl>\n<h2>History</h2>\n`;
  for await (const run of runsOf(history)) yield runSection(run, clock, links);
  let heading = '<h2>In the same units of work</h2>\n';
  for (const unit of units) {
    yield heading + relatedDetails(unit, clock, links);
    heading = '';
  }
  if (moreRelated) yield '<p class="dim">There are more units of work than were looked at.</p>\n';
  yield pageEnd(made);
}

export interface CasePageOptions {
  readonly zone: string;
  readonly made: string;
  readonly bucket: Bucket;
  readonly course: readonly BucketRow[];
}

/** What can be linked: the units of work below, those that the history has come to, and what was taken back so far. */
interface Links {
  readonly units: ReadonlySet<string>;
  readonly told: Set<string>;
  readonly takenBack: Set<string>;
}

/** A longer run is cut: it need not be in memory as a whole. */
const LONGEST_RUN = 200;

/** The entries, those of one correlation id together where they follow each other. */
async function* runsOf(history: AsyncIterable<readonly CaseEntry[]>): AsyncGenerator<readonly CaseEntry[]> {
  let run: CaseEntry[] = [];
  for await (const entries of history) {
    for (const one of entries) {
      const id = run[0]?.entry.correlation_id ?? null;
      if (run.length > 0 && (id === null || id !== one.entry.correlation_id || run.length >= LONGEST_RUN)) {
        yield run;
        run = [];
      }
      run.push(one);
    }
  }
  if (run.length > 0) yield run;
}

/** The place of an entry, or of a unit of work, on the page: whatever is in an id, it is one word of ASCII. */
function place(kind: 'entry' | 'unit' | 'told', id: string): string {
  return html(`${kind}-${encodeURIComponent(id)}`);
}

function linked(kind: 'entry' | 'unit' | 'told', id: string, text: string): string {
  return `<a href="#${place(kind, id)}">${apart(text)}</a>`;
}

/** What follows each other in one unit of work stands together, and what all of it says is said once. */
function runSection(run: readonly CaseEntry[], clock: Clock, links: Links): string {
  const [first] = run;
  if (first === undefined) return '';
  const { correlation_id: id, message } = first.entry;
  if (run.length === 1 || id === null) return run.map((one) => entryArticle(one, clock, links, {})).join('');
  const said = message !== '' && run.every(({ entry }) => entry.message === message);
  const head = `${run.length} entries of ${unitWords(id, links)}${said ? `: ${apart(message)}` : ''}`;
  const articles = run.map((one) => entryArticle(one, clock, links, { inRun: true, said }));
  return `<section class="run">\n<p class="dim"${anchorOf(id, links)}>${head}</p>\n${articles.join('')}</section>\n`;
}

function unitWords(id: string, { units }: Links): string {
  return units.has(id) ? linked('unit', id, id) : apart(id);
}

/** The first time that a unit of work is named is where a link to it leads. */
function anchorOf(id: string, { told }: Links): string {
  if (told.has(id)) return '';
  told.add(id);
  return ` id="${place('told', id)}"`;
}

function entryArticle(
  { entry, changes, takenBackBy }: CaseEntry,
  clock: Clock,
  links: Links,
  { inRun = false, said = false }: { readonly inRun?: boolean; readonly said?: boolean },
): string {
  const { weekday, date, time, zone } = clock.text(entry.ts);
  const classes = [...(entry.action === 'note' ? ['note'] : []), ...(takenBackBy === null ? [] : ['taken'])];
  const severity = entry.severity === 'info' ? '' : ` <span class="mark">${html(entry.severity)}</span>`;
  const { reverts } = entry;
  const back =
    reverts === null ? '' : links.takenBack.has(reverts) ? linked('entry', reverts, reverts) : apart(reverts);
  const metadata = entry.metadata === '{}' ? '' : `<pre><bdi>${html(indentJson(entry.metadata))}</bdi></pre>\n`;
  const message = entry.message === '' || said ? '' : `<p class="message">${apart(entry.message)}</p>\n`;
  return `<article id="${place('entry', entry.id)}"${classes.length === 0 ? '' : ` class="${classes.join(' ')}"`}>
<h3>${apart(entry.action)}, ${apart(personText(entry))}${severity}</h3>
<p class="dim">#${entry.seq}, ${html(`${weekday} ${date} ${time} ${zone}`)}, ${apart(entry.id)}${back && ` takes back ${back}`}</p>
${message}${changes.length === 0 ? '' : changesTable(changes)}${metadata}${detailLines({ entry, takenBackBy }, clock, links, inRun)}</article>
`;
}

function detailLines(
  { entry, takenBackBy }: Pick<CaseEntry, 'entry' | 'takenBackBy'>,
  clock: Clock,
  links: Links,
  inRun: boolean,
): string {
  const { correlation_id: id } = entry;
  const lines = plainDetails(entry, clock).map((text) => `<p class="dim">${apart(text)}</p>\n`);
  if (id !== null && !inRun) {
    lines.push(`<p class="dim"${anchorOf(id, links)}>correlation ${unitWords(id, links)}</p>\n`);
  }
  if (takenBackBy !== null) {
    links.takenBack.add(entry.id);
    const words = takenBackWords(takenBackBy, clock);
    const sameEntity = takenBackBy.entity_type === entry.entity_type && takenBackBy.entity_id === entry.entity_id;
    lines.push(`<p class="dim">${sameEntity ? linked('entry', takenBackBy.id, words) : apart(words)}</p>\n`);
  }
  return lines.join('');
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

/** A unit of work, closed: a line of it is enough to find it, on paper too. */
function relatedDetails({ correlation_id: id, count, entries }: CaseRelated, clock: Clock, { told }: Links): string {
  const rows = entries.map(
    (entry) =>
      `<tr><td class="number">#${entry.seq}</td><td class="fixed">${html(clock.iso(entry.ts))}</td><td>${apart(personText(entry))}</td><td>${apart(entry.action)}</td><td>${apart(shownEntity(entry))}</td><td>${apart(entry.message)}</td></tr>\n`,
  );
  const rest = count > entries.length ? `<p class="dim">and ${count - entries.length} more</p>\n` : '';
  const headings = ['seq', 'time', 'who', 'action', 'about', 'message'].map((text) => `<th scope="col">${text}</th>`);
  const actions = [...new Set(entries.map(({ action }) => action))];
  const about = `${count} about something else: ${actions.slice(0, 5).join(', ')}${actions.length > 5 ? ', …' : ''}`;
  const back = told.has(id) ? `<p class="dim"><a href="#${place('told', id)}">in the history</a></p>\n` : '';
  return `<details id="${place('unit', id)}">
<summary>${apart(id)} <span class="dim">${apart(about)}</span></summary>
${back}<table>
<thead><tr>${headings.join('')}</tr></thead>
<tbody>
${rows.join('')}</tbody>
</table>
${rest}</details>
`;
}
