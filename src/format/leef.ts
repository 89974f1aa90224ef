import { entityText } from '../core/entity.js';
import { ENTRY_FIELDS } from '../core/entry.js';
import type { Entry } from '../core/entry.js';
import { VERSION } from '../core/version.js';

/** Of 1 to 10, as LEEF counts. */
const SEVERITIES: Readonly<Record<string, number>> = { info: 2, warning: 5, error: 8 };

/** What LEEF has a name for of its own. */
const NAMES = {
  ts: 'devTime',
  category: 'cat',
  actor: 'usrName',
  actor_name: 'accountName',
} as const satisfies Partial<Record<keyof Entry, string>>;

/**
 * An entry as a line of LEEF 2.0, with tabs between its attributes: those of LEEF under its names, all others under those
 * of the entry. LEEF has no escapes; a tab, a line break and a backslash in a value are written as in C.
 */
export function leefLine(entry: Entry): string {
  const header = ['daybook', 'daybook', VERSION, entry.action].map(headerText).join('|');
  const attributes: [string, string | number | null][] = [
    ['devTimeFormat', "yyyy-MM-dd'T'HH:mm:ss.SSSX"],
    ['sev', SEVERITIES[entry.severity] ?? SEVERITIES['info'] ?? null],
    ['resource', entityText(entry.entity_type, entry.entity_id)],
    ...ENTRY_FIELDS.map((field): [string, string | number | null] => [
      field in NAMES ? NAMES[field as keyof typeof NAMES] : field,
      entry[field],
    ]),
  ];
  const written = attributes
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => `${name}=${valueText(String(value))}`);
  return `LEEF:2.0|${header}|\t|${written.join('\t')}\n`;
}

/** A header has no escapes at all, and stays on its line. */
function headerText(text: string): string {
  return text.replaceAll(/[|\s]+/g, ' ');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': String.raw`\\`,
  '\t': String.raw`\t`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
};

function valueText(text: string): string {
  return text.replaceAll(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character);
}
