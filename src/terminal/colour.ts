type Environment = Readonly<Record<string, string | undefined>>;

/** How many colours: none, 16, 256 or 16 million. */
export type ColourLevel = 0 | 1 | 2 | 3;

/**
 * Decides on colour for one stream. What was said here and now wins: `--color`, then NO_COLOR, then FORCE_COLOR and
 * CLICOLOR_FORCE, then what the terminal is.
 */
export function resolveColour(options: {
  readonly flag: 'auto' | 'always' | 'never';
  readonly env: Environment;
  readonly isTerminal: boolean;
}): ColourLevel {
  const { flag, env, isTerminal } = options;
  if (flag === 'never') return 0;
  if (flag === 'always') return depth(env);
  if (env['NO_COLOR']) return 0;
  const forced = env['FORCE_COLOR'];
  if (forced) {
    if (forced === '0' || forced === 'false') return 0;
    return forced === '1' || forced === '2' || forced === '3' ? (Number(forced) as ColourLevel) : depth(env);
  }
  if (env['CLICOLOR_FORCE'] && env['CLICOLOR_FORCE'] !== '0') return depth(env);
  if (env['TERM'] === 'dumb') return 0;
  return isTerminal ? depth(env) : 0;
}

function depth(env: Environment): ColourLevel {
  if (env['COLORTERM'] === 'truecolor' || env['COLORTERM'] === '24bit') return 3;
  return env['TERM']?.includes('256') ? 2 : 1;
}

const ROLES = ['error', 'warning', 'info', 'dim', 'heading', 'reverted', 'added', 'removed', 'accent'] as const;

/** What text is, as opposed to how it looks. */
export type Role = (typeof ROLES)[number];
export type Palette = Readonly<Record<Role, (text: string) => string>>;

const same = (text: string): string => text;

/** The palette without colour. */
export const PLAIN_PALETTE = Object.fromEntries(ROLES.map((role) => [role, same])) as Palette;

/** Functions that colour text for each role. Only the 16 named colours are used: the reader's own theme holds. */
export async function palette(level: ColourLevel): Promise<Palette> {
  if (level === 0) return PLAIN_PALETTE;
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level });
  return {
    error: chalk.red.bold,
    warning: chalk.yellow,
    info: same,
    dim: chalk.dim,
    heading: chalk.bold,
    reverted: chalk.dim.strikethrough,
    added: chalk.green,
    removed: chalk.red,
    accent: chalk.cyan,
  };
}
