/** An entity: what a row is to the trail. */
export interface Entity {
  readonly type: string;
  readonly id: string;
}

/** `type:id`, or undefined for what names no type or no id. The type ends at the first colon; the id may be empty. */
export function readEntity(text: string): Entity | undefined {
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { type: text.slice(0, colon), id: text.slice(colon + 1) };
}

/** `type:id`, as `readEntity` takes it; the type alone where there is no id, and null where there is neither. */
export function entityText(type: string, id: string): string;
export function entityText(type: string | null, id: string | null): string | null;
export function entityText(type: string | null, id: string | null): string | null {
  return id === null ? type : `${type ?? ''}:${id}`;
}
