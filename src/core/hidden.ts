/**
 * What no terminal may receive raw, as the source of a regular expression with the flag `u`: controls (C0, DEL, C1), line
 * and paragraph separators, lone surrogates, and all that shows nothing or moves other text about (bidi controls,
 * zero-width characters, tags, variation selectors).
 */
export const HIDDEN = String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]`;
