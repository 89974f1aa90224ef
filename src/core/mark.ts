declare const MARK: unique symbol;

/**
 * The trail as it was at one moment: which entries were in it then. An engine gives marks and is the only one to read
 * them; everybody else keeps them, and asks with them for what was there (`upTo`) or for what came since (`beyond`). It
 * is no seq: an engine may show entries in another order than that of their seqs.
 */
export type Mark = string & { readonly [MARK]: 'mark' };

/** A mark that was kept as text. The engine refuses it where it is none of its own. */
export function keptMark(text: string): Mark {
  return text as Mark;
}
