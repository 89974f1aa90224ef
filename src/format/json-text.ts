import type { JsonText } from '../core/entry.js';

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
const STEP = '  ';

/** Puts JSON text on lines with indentation. It works on the text alone, so that numbers keep every digit. */
export function indentJson(json: JsonText): string {
  let text = '';
  let depth = 0;
  let before = '';
  const breakLine = (): void => void (text += `\n${STEP.repeat(depth)}`);
  for (const [token] of json.matchAll(TOKEN)) {
    const opened = before === '{' || before === '[';
    if (token === '}' || token === ']') {
      depth -= 1;
      if (!opened) breakLine();
    } else if (opened || before === ',') {
      breakLine();
    }
    text += token === ':' ? ': ' : token;
    if (token === '{' || token === '[') depth += 1;
    before = token;
  }
  return text;
}
