import { contextHolds } from './context-life.js';

// What is the same for all captured tables. A trigger of a table puts a change into `daybook_changes`, which keeps no row: a
// trigger of that makes the entry, and ends with RAISE(IGNORE). A mirror, and a trigger of the application behind it, may
// change a captured table while an entry is made; without recursive_triggers, SQLite passes over a trigger that is at work
// already. Then the row stays, and the trigger behind the INSERT makes its entry. Where that is at work as well, the row is
// still there afterwards, and the change is refused: no row changes without its entry.

/** SQL: which fields changed, in words: all of them, or the first of very many. */
function fieldsText(fields: string): string {
  return `iif(length(${fields}) <= 400,
        replace(replace(replace(substr(${fields}, 2, length(${fields}) - 2), '","', ', '), '"', ''), '\\', ''),
        (SELECT group_concat(substr(value, 1, 60), ', ') FROM (SELECT value FROM json_each(${fields}) LIMIT 5))
        || iif(json_array_length(${fields}) > 5, ' and ' || (json_array_length(${fields}) - 5) || ' more', ''))`;
}

const INSERT_ENTRY = `INSERT INTO daybook_entries (action, actor, actor_type, actor_name, recorded_by,
    scope, entity_type, entity_id, entity_name, message, metadata,
    old_values, new_values, changed_fields, correlation_id, reverts)`;

const ACTING = `coalesce(c.actor, NEW.actor, 'unknown'),
    CASE WHEN c.actor IS NOT NULL THEN c.actor_type WHEN NEW.actor IS NULL THEN 'unknown' ELSE 'user' END,
    (SELECT name FROM daybook_actors WHERE actor = coalesce(c.actor, NEW.actor)), c.recorded_by`;

const CONTEXT = `daybook_context AS c ON (${contextHolds('c.used')})`;

const RENEW_CONTEXT = `UPDATE daybook_context SET used = julianday('now')
  WHERE used < julianday('now') - 1.0 / 86400 AND (${contextHolds('used')})`;

/** The conflict clause of a statement overrules those within its triggers, and OR IGNORE would skip an entry; not RAISE. */
const REFUSED = `RAISE(ABORT, 'daybook: the entry of a captured change cannot be recorded, so the change is refused')`;

const OTHERS = 'EXISTS (SELECT 1 FROM daybook_changes WHERE rowid <> NEW.rowid)';

/** With recursive_triggers, SQLite tells of each row that a REPLACE deletes: its note goes. */
const OF_DELETED = 'table_name = NEW.table_name AND entity_id = NEW.entity_id';

const OF_WRITE = 'table_name = NEW.table_name AND written = NEW.written';
const OF_ROW = `${OF_WRITE} AND NEW.written = '' AND entity_id IS NEW.entity_id`;

const NEW_KEY = '(NEW.was_id <> NEW.entity_id) IS TRUE';

/** Whether rows were replaced, or the key is another. Nearly always it is neither, and one entry is all that there is to do. */
const IS_MORE = `(${NEW_KEY} OR EXISTS (SELECT 1 FROM daybook_replaced WHERE ${OF_WRITE})
  OR NEW.action = 'delete' AND EXISTS (SELECT 1 FROM daybook_replaced WHERE ${OF_DELETED}))`;

/**
 * The members of the documents of a row that are not the same, but for the ignored. Their own text counts: old releases cut a
 * text at NUL and round a number when they read it. A path can hold any name but one with an escape.
 */
const REPLACED_FIELDS = `(
    SELECT json_group_array(b.key)
    FROM json_each(NEW.new_values) AS b
    WHERE (NEW.ignored IS NULL OR b.key NOT IN (SELECT value FROM json_each(NEW.ignored)))
      AND (CASE WHEN instr(NEW.new_values, '\\') AND json_quote(b.key) GLOB '*\\*'
          THEN NOT EXISTS (SELECT 1 FROM json_each(daybook_replaced.old_values) AS a
            WHERE a.key = b.key AND a.type = b.type AND a.value IS b.value)
          ELSE (daybook_replaced.old_values -> ('$."' || b.key || '"')) IS NOT (NEW.new_values -> ('$."' || b.key || '"')) END
        OR daybook_replaced.redacted <> '[]' AND b.key IN (SELECT value FROM json_each(daybook_replaced.redacted)))
  )`;

/** What there is to do where rows were replaced, or the key is another: then the row that was has gone, and one has come. */
const RECORD_ALL = `UPDATE daybook_replaced SET action = 'delete'
  WHERE ${OF_WRITE} AND (NEW.written <> '' OR entity_id IS NOT NEW.entity_id);
  UPDATE daybook_replaced SET changed_fields = ${REPLACED_FIELDS}
  WHERE ${OF_ROW};
  ${INSERT_ENTRY}
  SELECT CASE part WHEN 1 THEN 'delete' WHEN 2 THEN 'create' ELSE iif(n.action IS NULL, NEW.action, 'update') END,
    ${ACTING},
    iif(part = 1, NEW.was_scope, NEW.scope), NEW.entity_type,
    iif(part = 1, NEW.was_id, NEW.entity_id), iif(part = 1, NEW.was_name, NEW.entity_name),
    CASE
      WHEN part = 1 THEN NEW.entity_type || ' ' || NEW.was_id || ' became ' || NEW.entity_id
      WHEN part = 2 THEN NEW.entity_type || ' ' || NEW.entity_id || ' was ' || NEW.was_id
      WHEN n.changed IS NULL THEN NEW.entity_type || ' ' || NEW.entity_id || ' ' || NEW.action || 'd'
      ELSE ${fieldsText('n.changed')}
        || ' of ' || NEW.entity_type || ' ' || NEW.entity_id || ' changed' END,
    json_patch(json_object('table', NEW.table_name), json_object('key_changed_to', iif(part = 1, NEW.entity_id || '', NULL),
      'key_changed_from', iif(part = 2, NEW.was_id || '', NULL), 'reason', c.reason)),
    iif(part = 2, NULL, n.before), iif(part = 1, NULL, NEW.new_values),
    iif(part = 0, n.changed, NULL), c.correlation_id,
    iif(part = 2, coalesce(c.reverts_created, c.reverts), c.reverts)
  FROM (SELECT 0 AS part UNION ALL SELECT 1 UNION ALL SELECT 2)
  CROSS JOIN (
    SELECT r.entity_id AS action, coalesce(r.changed_fields, NEW.changed_fields) AS changed,
      coalesce(r.old_values, NEW.old_values) AS before
    FROM (SELECT 1) LEFT JOIN daybook_replaced AS r
    ON r.table_name = NEW.table_name AND r.written = '' AND NEW.written = '' AND r.entity_id IS NEW.entity_id
  ) AS n
  LEFT JOIN ${CONTEXT}
  WHERE iif(${NEW_KEY}, part > 0, part = 0 AND n.changed IS NOT '[]');
  SELECT ${REFUSED}
  WHERE ${OTHERS} OR changes() <> iif(${NEW_KEY}, 2,
    coalesce((SELECT changed_fields FROM daybook_replaced WHERE ${OF_ROW}), NEW.changed_fields) IS NOT '[]');
  DELETE FROM daybook_replaced WHERE ${OF_WRITE};
  DELETE FROM daybook_replaced WHERE NEW.action = 'delete' AND ${OF_DELETED};
  ${RENEW_CONTEXT}`;

/** A migration; see above. */
export const CHANGES = `
CREATE TABLE daybook_changes (
  table_name, entity_type, action, written, entity_id, was_id, entity_name, was_name, scope, was_scope, actor,
  old_values, new_values, changed_fields, ignored
);
CREATE TRIGGER daybook_changes_record_all BEFORE INSERT ON daybook_changes
WHEN ${IS_MORE}
BEGIN
  ${RECORD_ALL};
  SELECT RAISE(IGNORE);
END;
CREATE TRIGGER daybook_changes_record BEFORE INSERT ON daybook_changes
WHEN NOT ${IS_MORE}
BEGIN
  ${INSERT_ENTRY}
  SELECT NEW.action,
    ${ACTING},
    NEW.scope, NEW.entity_type, NEW.entity_id, NEW.entity_name,
    iif(NEW.changed_fields IS NULL, NEW.entity_type || ' ' || NEW.entity_id || ' ' || NEW.action || 'd',
      ${fieldsText('NEW.changed_fields')}
      || ' of ' || NEW.entity_type || ' ' || NEW.entity_id || ' changed'),
    iif(c.reason IS NULL, json_object('table', NEW.table_name),
      json_object('table', NEW.table_name, 'reason', c.reason)),
    NEW.old_values, NEW.new_values, NEW.changed_fields, c.correlation_id, c.reverts
  FROM (SELECT 1) LEFT JOIN ${CONTEXT}
  WHERE NEW.changed_fields IS NOT '[]';
  SELECT ${REFUSED}
  WHERE changes() <> (NEW.changed_fields IS NOT '[]') OR ${OTHERS};
  ${RENEW_CONTEXT};
  SELECT RAISE(IGNORE);
END;
CREATE TRIGGER daybook_changes_record_nested AFTER INSERT ON daybook_changes
BEGIN
  ${RECORD_ALL};
  DELETE FROM daybook_changes WHERE rowid = NEW.rowid;
END;
`;
