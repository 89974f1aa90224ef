import { v7 } from 'uuid';

/** A new id of our own: a UUIDv7, so that ids of one process sort by their time. */
export function newId(): string {
  return v7();
}

/** Whether a text can be the id of an entry. All digits would be taken for a seq. */
export function isValidId(text: string): boolean {
  return text !== '' && !/^\d+$/.test(text);
}
