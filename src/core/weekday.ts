/** From Monday on, as weeks begin here. */
export const WEEKDAYS: readonly string[] = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** The weekday of a date, such as `2026-03-05`; undefined for a date that the calendar does not have. */
export function weekdayOf(date: string): string | undefined {
  return WEEKDAYS[(new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7];
}
