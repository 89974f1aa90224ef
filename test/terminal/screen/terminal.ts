const WRITTEN = new RegExp(
  String.raw`(\x1b\[2J)|\x1b\[(\d+);1H\x1b\[0m\x1b\[K(.*?)(?=\x1b\[0m(?:\x1b\[\d+;1H|\x1b\[\?7h))`,
  'g',
);

/** What a terminal of so many rows shows that got what the painter writes: its lines, with their colours. */
export function shownOn(rows: number, written: readonly string[]): readonly string[] {
  let lines = Array.from({ length: rows }, () => '');
  for (const [, cleared, row, line] of written.join('').matchAll(WRITTEN)) {
    if (cleared !== undefined) lines = lines.map(() => '');
    else lines[Number(row) - 1] = line ?? '';
  }
  return lines;
}
