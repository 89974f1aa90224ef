import { InvalidArgumentError } from 'commander';

/** Reads a whole number of at least `least`, for commander. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || !Number.isSafeInteger(number)) {
      throw new InvalidArgumentError(`It must be a whole number, ${least} or more.`);
    }
    return number;
  };
}

/** The same, or `all` of them. */
export function wholeNumberOrAll(least: number): (text: string) => number {
  return (text) => {
    if (text === 'all') return Infinity;
    try {
      return wholeNumber(least)(text);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw new InvalidArgumentError(`${error.message.replace(/\.$/, '')}, or all.`);
    }
  };
}
