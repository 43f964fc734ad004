import { Later } from '@oslo-concurrency/core';

/** What takes and holds locks: everything behind the public functions and objects. */
export type Engine = typeof import('./hold-and-plan.js');

/** The one engine of this copy of the package; loaded by the first call that locks. */
export const engine = new Later<Engine>(import.meta.url, './hold-and-plan.js', () => import('./hold-and-plan.js'));
