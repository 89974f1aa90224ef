type Methods = Readonly<Record<string, (...asked: never[]) => Promise<unknown>>>;

/**
 * The methods of a room that is loaded when the first of them is called. All of them must be named, or it does not build.
 */
export function lazily<Room extends { readonly [Name in keyof Room]: (...asked: never[]) => Promise<unknown> }>(
  load: () => Promise<Room>,
  names: Readonly<Record<keyof Room, true>>,
): Room {
  let room: Promise<Room> | undefined;
  const later =
    (name: string) =>
    async (...asked: never[]) => {
      room ??= load();
      const method = ((await room) as unknown as Methods)[name];
      return method?.(...asked);
    };
  return Object.fromEntries(Object.keys(names).map((name) => [name, later(name)])) as Room;
}
