import { DaybookError } from '../core/errors.js';
import { sourceObject } from '../core/import.js';
import type { ImportedEntry, ImportFormat, ImportSettings, SourceTime, SourceValue } from '../core/import.js';
import { shown } from '../core/json.js';
import { changeFields } from './amounts.js';
import { entityTypeOf } from './entity-type.js';
import { notePattern } from './note-patterns.js';
import type { Piece } from './note-pieces.js';
import { timeOf } from './times.js';
import { required, textOf } from './values.js';

/** A column of any table in which notes stand one behind the other. */
export const notes: ImportFormat = {
  name: 'notes',
  description: 'a text column of any table in which notes pile up: memos, stamped notes, moderations, journals',
  kinds: ['sqlite', 'csv', 'ndjson'],
  needs: [],
  settings: ['key', 'column', 'entityType', 'order', 'pattern'],
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
    const zone = assumedZone ?? pattern.zone;
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
        const { time, fields, unmatched } = entryOf(piece, before, zone);
        const [once, ...more] = piece.earlier ?? [];
        const earlier =
          once === undefined ? {} : { earlier: [{ fields: { ...about, ...entryOf(once, before, zone).fields } }] };
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

type Made = Required<Pick<ImportedEntry, 'time' | 'fields' | 'unmatched'>>;

/** `before` is the time of the note before this one, null where none before it has a time. */
function entryOf({ raw, note, stamp, continued }: Piece, before: SourceTime | null, zone: string | undefined): Made {
  const ts = note?.ts ?? null;
  const time = ts === null ? undefined : readTime(ts, zone);
  // A time that is none makes a text out of what looked like a note.
  if (note === null || (ts !== null && time === undefined)) return textEntry(raw, stamp, before, zone);
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
function textEntry(raw: string, stamp: string | undefined, before: SourceTime | null, zone: string | undefined): Made {
  const time = stamp === undefined ? undefined : readTime(stamp, zone);
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

function readTime(text: string, zone: string | undefined): SourceTime | undefined {
  try {
    return timeOf(text, 'the time of a note', zone);
  } catch (error) {
    if (error instanceof DaybookError && error.kind === 'data') return undefined;
    throw error;
  }
}

/** Of the beginning of a day and the note before, so that a day does not go before what it comes behind. */
function laterOf(day: SourceTime, before: SourceTime | null): SourceTime {
  return before !== null && before.ms > day.ms ? before : day;
}
