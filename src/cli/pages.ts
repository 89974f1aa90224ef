import type { Output } from '../terminal/streams.js';

type Text = string | Uint8Array;

/** What stands before all pages, each of them, and what stands behind them, once they are read. */
interface PageWriter<Page, End> {
  begin(): Text;
  page(page: Page): Text | Promise<Text>;
  end(end: End): Text;
}

/**
 * Writes pages as they are read; gives what their reading ended with, and whether there were any. The first one is read
 * before the first byte goes out: what fails must not leave half a document behind.
 */
export async function writePages<Page, End>(
  out: Output,
  pages: AsyncGenerator<Page, End>,
  { begin, page, end }: PageWriter<Page, End>,
): Promise<{ readonly end: End; readonly any: boolean }> {
  const write = async (text: Text): Promise<void> => {
    if (text.length > 0) await out.write(text);
  };
  let any = false;
  let step = await pages.next();
  await write(begin());
  for (; step.done !== true; step = await pages.next()) {
    any = true;
    await write(await page(step.value));
  }
  await write(end(step.value));
  return { end: step.value, any };
}

/** The first of what all pages hold, and no page more than that takes. */
export async function* firstOf<Item>(
  pages: AsyncIterable<readonly Item[]>,
  count: number,
): AsyncGenerator<readonly Item[], void> {
  let left = count;
  for await (const items of pages) {
    yield items.slice(0, left);
    left -= items.length;
    if (left <= 0) return;
  }
}
