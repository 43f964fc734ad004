import type { Body } from '../../local/wait-graph.js';

// More awaits than this one inside the other are not followed: the walk costs 0.1 us for each.
const deepest = 2000;

// Nobody else has a function of such a name.
const prefix = `body ${Math.random().toString(36).slice(2)} `;
let last = 0;

/**
 * Which of `inside` and the bodies around it await the running call. Only those: a body that was merely the place where
 * a timer, a server, a pool or a loop was started, which then made the call, is not among them.
 *
 * V8 knows it. The stack trace of code that goes on after an `await` names, beyond the running functions, those that
 * await them, by following each promise to the one that listens to it. So this must be called by a procedure that has
 * just gone on after an `await` of its own, and whose promise is the call's. A body is recognized by its `settling`
 * function, which gets a name of its own here, when somebody looks, as that costs more than a lock.
 *
 * A body in the answer awaits the call for certain, but for `Promise.race`, and other promises that something else may
 * settle too. One that is not in the answer may await it nevertheless: V8 does not follow a promise with two listeners,
 * an `await` of a thenable that is no promise, nor code that was compiled to something else than `await`. A call that is
 * one of a `Promise.any` is not counted as awaited.
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

/** The names of the functions that run or await what runs, up to a `Promise.any`. */
function callers(): readonly string[] {
  const before = Object.getOwnPropertyDescriptors(Error);
  try {
    Error.stackTraceLimit = deepest;
    Error.prepareStackTrace = (_error, sites) => namesOf(sites);
    const names: unknown = new Error('who awaits').stack;
    return Array.isArray(names) ? names : [];
  } catch {
    // Where Error is frozen nothing is seen.
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
