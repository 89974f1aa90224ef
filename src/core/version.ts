/** Put in by the build, from package.json; absent where the source runs as it is, in tests. */
declare const DAYBOOK_VERSION: string | undefined;

export const VERSION: string = typeof DAYBOOK_VERSION === 'string' ? DAYBOOK_VERSION : '0.0.0-source';
