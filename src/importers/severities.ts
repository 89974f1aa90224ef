import { DaybookError } from '../core/errors.js';
import { shown } from '../core/json.js';

type Severity = 'info' | 'warning' | 'error';

/** The words of syslog, journald, PostgreSQL, bunyan, pino, log4j and OpenTelemetry; these may end in a number, `WARN2`. */
const WORDS: Readonly<Record<Severity, readonly string[]>> = {
  error: ['emerg', 'emergency', 'panic', 'alert', 'crit', 'critical', 'fatal', 'severe', 'err', 'error'],
  warning: ['warning', 'warn'],
  info: ['notice', 'info', 'information', 'informational', 'log', 'debug', 'trace', 'verbose', 'all', 'off'],
};

const OF_WORD = new Map(
  Object.entries(WORDS).flatMap(([severity, words]) => words.map((word) => [word, severity as Severity] as const)),
);

/** A scale of numbers: which it knows, and from which on (or down to which) it is a warning and an error. */
interface Scale {
  readonly knows: (number: number) => boolean;
  readonly severity: (number: number) => Severity;
}

const rising = (warning: number, error: number): Scale['severity'] => {
  return (number) => (number >= error ? 'error' : number >= warning ? 'warning' : 'info');
};
const falling = (error: number, warning: number): Scale['severity'] => {
  return (number) => (number <= error ? 'error' : number <= warning ? 'warning' : 'info');
};

const OPENTELEMETRY: Scale = { knows: (number) => number >= 1 && number <= 24, severity: rising(13, 17) };

const SCALES: readonly Scale[] = [
  // syslog and journald.
  { knows: (number) => number <= 7, severity: falling(3, 4) },
  // bunyan and pino.
  { knows: (number) => [10, 20, 30, 40, 50, 60].includes(number), severity: rising(40, 50) },
  OPENTELEMETRY,
  // log4j 2, and log4j 1.
  { knows: (number) => [100, 200, 300, 400, 500, 600].includes(number), severity: falling(200, 300) },
  {
    knows: (number) => [5000, 10_000, 20_000, 30_000, 40_000, 50_000].includes(number),
    severity: rising(30_000, 40_000),
  },
];

/**
 * The severity that a word or a number of another system stands for. A number of 1 to 24 is OpenTelemetry's under a key
 * of its name, `severityNumber`; elsewhere 0 to 7 are those of syslog, and 10 and 20 those of bunyan.
 * Throws kind `data` for what no system has.
 */
export function severityOf(text: string, name: string): Severity {
  const word = text.trim().toLowerCase();
  const known = OF_WORD.get(word) ?? OF_WORD.get(word.replace(/[1-5]$/, ''));
  if (known !== undefined) return known;
  const number = /^\d{1,5}$/.test(word) ? Number(word) : undefined;
  const isOpenTelemetry = /(?:^|\.)severity_?number$/i.test(name);
  const scale = (isOpenTelemetry ? [OPENTELEMETRY] : SCALES).find(({ knows }) => number !== undefined && knows(number));
  if (scale !== undefined && number !== undefined) return scale.severity(number);
  throw new DaybookError(
    'data',
    `${name} ${shown(text)} is no severity: info, warning, error, or a word or number of syslog, bunyan, log4j or OpenTelemetry`,
  );
}
