import { DaybookError } from '../core/errors.js';
import { sourceObject } from '../core/import.js';
import type { ImportedEntry, ImportFormat, ImportSettings, SourceTime, SourceValue } from '../core/import.js';
import { shown } from '../core/json.js';
import { changeFields } from './amounts.js';
import { entityTypeOf } from './entity-type.js';
import { notePattern } from './note-patterns.js';
import type { Piece } from './note-pieces.js';
import { timeReader } from './time-formats.js';
import type { ReadTime } from './time-formats.js';
import { required, textOf } from './values.js';

/** A column of any table in which notes stand one behind the other. */
export const notes: ImportFormat = {
  name: 'notes',
  description: 'a text column of any table in which notes pile up: memos, stamped notes, moderations, journals',
  kinds: ['sqlite', 'csv', 'ndjson'],
  needs: [],
  settings: ['key', 'column', 'entityType', 'order', 'pattern', 'timeFormat'],
  inOrder: false,
  reader: (settings) => {
    const { source, table = '', assumedZone } = settings;
    const key = given(settings, 'key', 'the column that tells one entity from the other', 'id');
    const column = given(settings, 'column', 'the column that holds the notes', 'notes');
    const entityType = entityTypeOf(given(settings, 'entityType', 'what the notes are about', 'settlement'));
    const pattern = notePattern(settings.pattern);
    const order = settings.order ?? pattern.order;
    if (order === undefined) {
      throw new DaybookError(
        'usage',
        '--order is missing: a pattern of your own does not say which notes stand first',
        {
          hint: '… --order newest-first',
        },
      );
    }
    const { timeFormat } = settings;
    if (timeFormat !== undefined && !pattern.anyForm) {
      throw new DaybookError(
        'usage',
        `--time-format ${shown(timeFormat)}: the times of the presets have a fixed form, which --time-format does not change`,
        {
          hint: "… --pattern '(?<ts>\\S+) (?<actor>\\S+): (?<message>.*)'",
          field: 'pattern',
          value: settings.pattern,
        },
      );
    }
    const zone = assumedZone ?? pattern.zone;
    const fixed = timeReader({ assumedZone: zone, timeFormat: undefined });
    const readers: Readers = {
      fixed,
      any: timeFormat === undefined ? fixed : timeReader({ assumedZone: zone, timeFormat }),
    };
    return (record) => {
      for (const name of [key, column]) {
        if (Object.hasOwn(record.values, name)) continue;
        throw new DaybookError(
          'data',
          `there is no ${shown(name)}: there are ${Object.keys(record.values).join(', ')}`,
        );
      }
      const text = textOf(record.values[column], column) ?? '';
      if (text.trim() === '') return [];
      const id = required(record, key);
      const pieces = order === 'newest-first' ? pattern.pieces(text).toReversed() : pattern.pieces(text);
      let before: SourceTime | null = null;
      let taken = 0;
      return Array.from(pieces, (piece) => {
        const about = { entity_type: entityType, entity_id: id };
        const { time, fields, unmatched } = entryOf(piece, before, readers);
        const [once, ...more] = piece.earlier ?? [];
        const earlier =
          once === undefined ? {} : { earlier: [{ fields: { ...about, ...entryOf(once, before, readers).fields } }] };
        // From the oldest end, where nothing is added any more.
        const number = taken + 1;
        taken = number + more.length;
        before = time;
        return {
          id: `${source}:${table}:${id}:${number}`,
          time,
          fields: { ...about, ...fields },
          unmatched,
          ...earlier,
        };
      });
    };
  },
};

const FLAGS = { key: '--key', column: '--column', entityType: '--entity-type' } as const;

function given(settings: ImportSettings, name: keyof typeof FLAGS, what: string, example: string): string {
  const value = settings[name];
  if (value !== undefined && value !== '') return value;
  throw new DaybookError('usage', `${FLAGS[name]} is missing: ${what}`, { hint: `… ${FLAGS[name]} ${example}` });
}

/** How times are read: those of a fixed form, and those of any, as the command line says. */
interface Readers {
  readonly fixed: ReadTime;
  readonly any: ReadTime;
}

type Made = Required<Pick<ImportedEntry, 'time' | 'fields' | 'unmatched'>>;

/** `before` is the time of the note before this one, null where none before it has a time. */
function entryOf({ raw, note, stamp, continued }: Piece, before: SourceTime | null, readers: Readers): Made {
  const ts = note?.ts ?? null;
  const time = ts === null ? undefined : timeIn(ts, note?.anyForm === true ? readers.any : readers.fixed);
  // A time that is none makes a text out of what looked like a note.
  if (note === null || (ts !== null && time === undefined)) return textEntry(raw, stamp, before, readers);
  const metadata: (readonly [string, SourceValue])[] = [...note.metadata];
  if (continued > 0) metadata.push(['continued', continued]);
  if (time === undefined) metadata.push(['undated', true]);
  return {
    time: time === undefined ? before : note.dayOnly === true ? laterOf(time, before) : time,
    unmatched: false,
    fields: {
      action: note.action,
      actor: note.actor ?? 'unknown',
      actor_type: note.actorType,
      message: note.message,
      metadata: sourceObject(metadata),
      ...changeFields(note.changes),
    },
  };
}

/** What does not match is kept as the text that it is. */
function textEntry(raw: string, stamp: string | undefined, before: SourceTime | null, { fixed }: Readers): Made {
  const time = stamp === undefined ? undefined : timeIn(stamp, fixed);
  return {
    time: time ?? before,
    unmatched: true,
    fields: {
      action: 'note',
      severity: 'warning',
      message: raw,
      metadata: time === undefined ? '{"undated":true}' : '{}',
    },
  };
}

function timeIn(text: string, read: ReadTime): SourceTime | undefined {
  try {
    return read(text, 'the time of a note');
  } catch (error) {
    if (error instanceof DaybookError && error.kind === 'data') return undefined;
    throw error;
  }
}

/** Of the beginning of a day and the note before, so that a day does not go before what it comes behind. */
function laterOf(day: SourceTime, before: SourceTime | null): SourceTime {
  return before !== null && before.ms > day.ms ? before : day;
}
