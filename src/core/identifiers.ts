/** Whether a text can be the id of an entry. All digits would be taken for a seq. */
export function isValidId(text: string): boolean {
  return text !== '' && !/^\d+$/.test(text);
}
