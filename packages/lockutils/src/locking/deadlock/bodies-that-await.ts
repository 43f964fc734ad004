import type { Body } from '../../local/wait-graph.js';

// Longer chains of nested awaits are not followed: the walk costs 0.1 us for each.
const deepest = 2000;

// No other function has such a name.
const prefix = `body ${Math.random().toString(36).slice(2)} `;
let last = 0;

/**
 * Finds the bodies, `inside` and the ones around it, that await the running call. A body that only started the timer,
 * server, pool or loop that later made the call is not among them.
 *
 * V8 has this information. The stack trace of code that continues after an `await` names, beyond the running functions,
 * the functions that await them: V8 follows each promise to the one function that listens to it. So this must be called
 * by a procedure that has just continued after an `await` of its own, and whose promise is the promise of the call. A
 * body is recognized by its `settling` function. That function receives a unique name only here, during a search,
 * because naming it costs more than a lock.
 *
 * A body in the result certainly awaits the call, except for `Promise.race` and other promises that something else may
 * settle too. A body that is not in the result may still await the call: V8 does not follow a promise with two
 * listeners, an `await` of a thenable that is not a promise, or code that was compiled to something other than `await`.
 * A call that is one of a `Promise.any` does not count as awaited.
 */
export function bodiesThatAwait(inside: Body): Body[] {
  const found: Body[] = [];
  const settling = new Map<string, Body[]>();
  for (let body: Body | undefined = inside; body !== undefined; body = body.parent) {
    if (!body.running) continue;
    if (body.acquiring) found.push(body);
    else if (body.settling !== undefined) {
      const name = nameOf(body.settling);
      settling.set(name, [...(settling.get(name) ?? []), body]);
    }
  }
  if (settling.size === 0) return found;
  for (const name of callers()) found.push(...(settling.get(name) ?? []));
  return found;
}

function nameOf(settling: () => unknown): string {
  if (!settling.name.startsWith(prefix)) {
    last += 1;
    Object.defineProperty(settling, 'name', { value: prefix + last });
  }
  return settling.name;
}

/** The names of the functions that run or await a running function, up to a `Promise.any`. */
function callers(): readonly string[] {
  const before = Object.getOwnPropertyDescriptors(Error);
  try {
    Error.stackTraceLimit = deepest;
    Error.prepareStackTrace = (_error, sites) => namesOf(sites);
    const names: unknown = new Error('awaiting functions').stack;
    return Array.isArray(names) ? names : [];
  } catch {
    // If Error is frozen, the stack trace cannot be read.
    return [];
  } finally {
    restore('stackTraceLimit', before.stackTraceLimit);
    restore('prepareStackTrace', before.prepareStackTrace);
  }
}

function namesOf(sites: readonly NodeJS.CallSite[]): string[] {
  const end = sites.findIndex((site) => site.getFunctionName() === 'any' && String(site).includes('Promise.any'));
  return (end === -1 ? sites : sites.slice(0, end)).map((site) => site.getFunctionName() ?? '');
}

function restore(name: string, before: PropertyDescriptor | undefined): void {
  if (before === undefined) Reflect.deleteProperty(Error, name);
  else Reflect.defineProperty(Error, name, before);
}
