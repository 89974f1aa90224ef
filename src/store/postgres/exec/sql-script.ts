/** One statement of a script, as it stands there. */
export interface SqlStatement {
  readonly text: string;
  /** The line of its first word. */
  readonly line: number;
  /** Its first words, in capitals. */
  readonly words: readonly string[];
}

/** What holds semicolons that end nothing: each is passed over as a whole. */
const PIECES =
  /--[^\n]*|\/\*|[eE]'(?:[^'\\]|\\[^]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$(?<tag>(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[();]|[^\s]|\s+/gu;

/** How many first words tell what a statement does. */
const WORDS = 4;

/**
 * The statements of a script, as psql would part them: no semicolon within quotes, comments, dollars, brackets, or the body
 * of a function (BEGIN ATOMIC ... END) ends one. Where this errs, the server refuses what is then more than one statement.
 */
export function statementsOf(script: string): SqlStatement[] {
  const statements: SqlStatement[] = [];
  let start = -1;
  let words: string[] = [];
  let brackets = 0;
  let blocks = 0;
  const end = (at: number): void => {
    if (start >= 0) statements.push({ text: script.slice(start, at), line: lineOf(script, start), words });
    start = -1;
    words = [];
    brackets = 0;
    blocks = 0;
  };
  PIECES.lastIndex = 0;
  for (let found = PIECES.exec(script); found !== null; found = PIECES.exec(script)) {
    const [piece] = found;
    if (piece.trim() === '' || piece.startsWith('--')) continue;
    if (piece === '/*') {
      PIECES.lastIndex = behindComment(script, found.index);
      continue;
    }
    if (piece === ';' && brackets === 0 && blocks === 0) {
      end(found.index);
      continue;
    }
    if (start < 0) start = found.index;
    if (found.groups?.['tag'] !== undefined) {
      const close = script.indexOf(piece, PIECES.lastIndex);
      PIECES.lastIndex = close < 0 ? script.length : close + piece.length;
    } else if (piece === '(') brackets += 1;
    else if (piece === ')') brackets = Math.max(0, brackets - 1);
    else if (/^[A-Za-z_]/.test(piece) && !piece.includes("'")) {
      const word = piece.toUpperCase();
      if (words.length < WORDS) words.push(word);
      if (makesRoutine(words)) {
        if (word === 'BEGIN' || (word === 'CASE' && blocks > 0)) blocks += 1;
        if (word === 'END' && blocks > 0) blocks -= 1;
      }
    }
  }
  end(script.length);
  return statements;
}

function makesRoutine(words: readonly string[]): boolean {
  return words[0] === 'CREATE' && words.some((word) => word === 'FUNCTION' || word === 'PROCEDURE');
}

/** Comments stand within comments. */
function behindComment(script: string, from: number): number {
  const edges = /\/\*|\*\//g;
  edges.lastIndex = from;
  let depth = 0;
  for (let edge = edges.exec(script); edge !== null; edge = edges.exec(script)) {
    depth += edge[0] === '/*' ? 1 : -1;
    if (depth === 0) return edges.lastIndex;
  }
  return script.length;
}

function lineOf(script: string, at: number): number {
  return script.slice(0, at).split('\n').length;
}
