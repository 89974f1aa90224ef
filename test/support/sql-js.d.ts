declare module 'sql.js' {
  /** SQLite 3.38 within the process, on a copy of a file. */
  interface OldDatabase {
    run(sql: string): void;
    export(): Uint8Array;
    close(): void;
  }
  const open: (options: {
    readonly wasmBinary: Uint8Array;
  }) => Promise<{ readonly Database: new (bytes: Uint8Array) => OldDatabase }>;
  export default open;
}
