/** Who a process is, for the lease that keeps two prunes apart, and for what a killed one leaves behind. */
export interface Presence {
  readonly host: string;
  readonly pid: number;
  /** Whether a process with this id lives on this host. */
  readonly lives: (pid: number) => boolean;
}
