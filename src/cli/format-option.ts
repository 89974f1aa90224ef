import { Option } from 'commander';
import type { Output } from '../terminal/streams.js';

/** `--format` of what people read as a table or as lines, and what else it may be. */
export function formatOption(...others: readonly string[]): Option {
  return new Option('--format <format>', 'table on a terminal, line elsewhere').choices([
    ...new Set(['table', 'line', ...others]),
  ]);
}

/** The format that was asked for, or that suits where it goes. */
export function formatFor<Format extends string>(asked: Format | undefined, out: Output): Format | 'table' | 'line' {
  return asked ?? (out.isTerminal ? 'table' : 'line');
}
