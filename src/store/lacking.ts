import { DaybookError } from '../core/errors.js';
import type { AuditStore } from './audit-store.js';

/** The methods of rooms that an engine does not have, each with what it would do: they throw kind `usage`, in words. */
export function lacking<Name extends keyof AuditStore>(
  engine: string,
  rooms: Readonly<Record<Name, string>>,
): Pick<AuditStore, Name> {
  const methods = Object.entries<string>(rooms).map(([name, what]) => [
    name,
    async () => {
      throw new DaybookError('usage', `this daybook does not ${what} in ${engine}`);
    },
  ]);
  return Object.fromEntries(methods) as Pick<AuditStore, Name>;
}
