import { Damaged } from '../core/errors.js';
import { CHECKS, PROBLEM_CODES } from '../operations/problems.js';
import type { Status } from '../operations/status.js';
import { visible } from '../terminal/sanitize.js';

/** What a plugin of Nagios prints and how it ends. */
export interface NagiosAnswer {
  readonly text: string;
  readonly code: 0 | 1 | 2 | 3;
}

const STATES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;

/** One line with the state and figures, then a line for each problem. */
export function nagiosAnswer(found: Status): NagiosAnswer {
  const { problems, bytes } = found;
  const code = Math.max(0, ...problems.map((problem) => CHECKS[problem.code].nagios)) as NagiosAnswer['code'];
  const said = problems.length === 0 ? 'no problem' : [...new Set(problems.map((problem) => problem.code))].join(', ');
  const figures = [
    `entries=${found.entries}`,
    `file=${bytes.file}B`,
    ...(bytes.wal === null ? [] : [`wal=${bytes.wal}B`]),
    ...(bytes.free === null ? [] : [`free=${bytes.free}B`]),
    ...(bytes.disk_free === null ? [] : [`disk_free=${bytes.disk_free}B`]),
    `due=${dueOf(found)}`,
    `unaccounted=${found.unaccounted.count}`,
    `problems=${problems.length}`,
  ];
  const lines = problems.map((problem) => nagiosLine(`${problem.code}: ${problem.message}`));
  return {
    text: [`${headline(code, said)} | ${figures.join(' ')}`, ...lines].map((line) => `${line}\n`).join(''),
    code,
  };
}

/** Why the check could not be run to its end: a damaged trail is lost by that, of any other nothing is known. */
export function nagiosFailure(error: unknown): NagiosAnswer {
  const code = error instanceof Damaged ? 2 : 3;
  return { text: `${headline(code, error instanceof Error ? error.message : String(error))}\n`, code };
}

function headline(code: NagiosAnswer['code'], said: string): string {
  return nagiosLine(`DAYBOOK ${STATES[code]} - ${said}`);
}

/** Behind the first bar of its output, Nagios looks for figures. */
function nagiosLine(text: string): string {
  return visible(text, { newlines: 'mark' }).replaceAll('|', '/');
}

/** A metric: its name, what it is, and its samples. */
type Metric = readonly [name: string, about: string, samples: readonly (readonly [Labels, number | null])[]];
type Labels = Readonly<Record<string, string>>;

/** The text that Prometheus reads, as from a file of the node exporter's. What is not known has no sample. */
export function prometheusText(database: string, found: Status | undefined): string {
  const metrics: Metric[] = [['up', 'Whether the trail could be checked.', [[{}, found === undefined ? 0 : 1]]]];
  if (found !== undefined) metrics.push(...metricsOf(found));
  return metrics
    .map(([name, about, samples]) => {
      const lines = samples.flatMap(([labels, value]) =>
        value === null ? [] : [`daybook_${name}${labelText({ database, ...labels })} ${value}\n`],
      );
      return lines.length === 0
        ? ''
        : `# HELP daybook_${name} ${about}\n# TYPE daybook_${name} gauge\n${lines.join('')}`;
    })
    .join('');
}

function metricsOf(found: Status): Metric[] {
  const { bytes, last_prune: last } = found;
  const one = (value: number | null): Metric[2] => [[{}, value]];
  return [
    ['schema_version', 'The version of the schema.', one(found.schema_version)],
    ['entries', 'Entries in the trail.', one(found.entries)],
    ['oldest_timestamp_seconds', 'The time of the oldest entry.', one(seconds(found.oldest))],
    ['newest_timestamp_seconds', 'The time of the newest entry.', one(seconds(found.newest))],
    ['file_bytes', 'The size of the database.', one(bytes.file)],
    ['wal_bytes', 'The size of its write-ahead log.', one(bytes.wal)],
    ['free_bytes', 'Free pages in the database.', one(bytes.free)],
    ['disk_free_bytes', 'What may still be written to its disk.', one(bytes.disk_free)],
    ['unaccounted', 'Numbers with neither an entry nor a prune that accounts for it.', one(found.unaccounted.count)],
    [
      'policy_due',
      'Entries that a retention policy lets fall.',
      found.policies.map(({ name, due }) => [{ policy: name }, due]),
    ],
    ['last_prune_timestamp_seconds', 'The end of the last prune.', one(last && seconds(last.at))],
    ['last_prune_deleted', 'Entries that the last prune deleted.', one(last && last.deleted)],
    [
      'problems',
      'Problems by their code; 2 is the severity of what loses or lost entries.',
      PROBLEM_CODES.map((code) => [
        { code, severity: String(CHECKS[code].nagios) },
        found.problems.filter((problem) => problem.code === code).length,
      ]),
    ],
  ];
}

function labelText(labels: Labels): string {
  const escaped = (value: string): string =>
    value
      .replaceAll('\\', String.raw`\\`)
      .replaceAll('"', String.raw`\"`)
      .replaceAll('\n', String.raw`\n`);
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')}}`;
}

function seconds(time: string | null): number | null {
  return time === null ? null : Date.parse(time) / 1000;
}

function dueOf({ policies }: Status): number {
  return policies.reduce((sum, { due }) => sum + due, 0);
}
