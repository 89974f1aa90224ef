// A page of rows as one text: each field with FIELD_END behind it, row after row. Null is nothing, and empty text is
// EMPTY_TEXT. No field holds FIELD_END, or is EMPTY_TEXT: what does is read as rows.

/** The unit separator of ASCII. */
export const FIELD_END = 0x1f;

/** The record separator of ASCII: it stands for nothing else when it is all of a field. */
export const EMPTY_TEXT = 0x1e;
