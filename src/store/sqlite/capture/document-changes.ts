/**
 * An SQL expression for the dotted paths at which two documents of a column differ: those that changedFields gives for
 * the documents under the column's name, in no order, as JSON strings with a comma in front of each; '' for none. Just
 * the column's name where the values differ and one of them is not a text with a JSON object.
 *
 * It runs in other programs: it takes what SQLite 3.38 knows, and must not fail, which would refuse their write, whatever
 * they write: a key that stands twice in its object is a changed one, and where a document has NUL, the column is all
 * that is named.
 *
 * @param before, after SQL expressions, such as OLD."data" and NEW."data"
 */
export function changedPathsSql(column: string, before: string, after: string): string {
  return pathsSql(literal(column), before, after);
}

/** The same for a column of which SQL gives the name. What the function above gives is part of triggers that are never edited. */
export function pathsSql(name: string, before: string, after: string, between = ' '): string {
  // Each row of d is a pair that differs, at least as text: its path p, its texts o and n, NULL for what is missing, and
  // whether it stands in an array (a), all of which has the array's path. A row gives the rows of those of its members
  // that differ, which cross into the recursion as JSON: it cannot group them itself.
  return String.raw`(WITH RECURSIVE d(p, a, o, n) AS (
SELECT ${name}, 0, ${document(before)},${between}${document(after)} WHERE ${before} IS NOT ${after} COLLATE BINARY
UNION ALL
SELECT iif(a, p, p || '.' || (value ->> 0)), a OR value ->> 1 GLOB '[[]*', value ->> 1, value ->> 2
FROM d, json_each(CASE WHEN ${DESCENDED} THEN (SELECT json_group_array(json_array(key, x, y)) FROM (
SELECT key, iif(count(*) > 2, NULL, max(iif(s, NULL, t))) AS x, max(iif(s, t, NULL)) AS y FROM (
SELECT s, key, ${MEMBER} AS t FROM (SELECT 0 AS s UNION ALL SELECT 1), json_each(iif(s, n, o)))
GROUP BY key HAVING count(*) > 2 OR x IS NOT y)) END))
SELECT coalesce(',' || group_concat(DISTINCT json_quote(p)), '') FROM d WHERE ${DESCENDED} IS NOT TRUE)`;
}

/**
 * Whether the members of o and n say if they differ: of two objects, and of two arrays, unless these hold neither an
 * object nor an escape and are the same only as text.
 */
const DESCENDED = String.raw`(substr(o, 1, 1) = substr(n, 1, 1) AND o || n GLOB '[[{]*[{\]*')`;

/**
 * The text of a member to compare by: of objects and arrays their JSON, of texts a quote and what they say, of numbers
 * what is written. That takes a path and a search, which most integers are spared; not 0, which may be -0. Half of a
 * surrogate pair is U+FFFD in a database in UTF-16, so there it counts what is written as well. With '' in front, JSON
 * is a text like others: within JSON it could be nested too deep.
 */
const MEMBER = `'' || CASE WHEN type = 'text' AND NOT instr(value, char(65533)) THEN '"' || value
WHEN type IN ('text', 'real') OR type = 'integer' AND NOT (value AND typeof(value) = 'integer') THEN iif(s, n, o) -> fullkey
WHEN type IN ('object', 'array', 'integer') THEN value ELSE type END`;

/**
 * A value as minified JSON text, NULL if it is no object. Paths of old versions cannot hold a quote, so a quote in a key
 * becomes an escape without one; these versions also end a text at NUL.
 */
function document(value: string): string {
  return String.raw`CASE WHEN typeof(${value}) = 'text' AND NOT instr(${value}, char(0)) AND NOT instr(${value}, '\u0000') AND json_valid(${value}) THEN
iif(json_type(${value}) = 'object', json(replace(replace(${value}, '\\', '\u005c'), '\"', '\u0022')), NULL) END`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
