/** From so many bytes on, a write-ahead log is large: reading becomes slow, and the disk fills. */
export const LARGE_LOG = 256 * 1024 * 1024;
