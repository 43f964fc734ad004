type Listener = (argument?: unknown) => void;

const shared = new WeakMap<object, Map<string, Set<Listener>>>();

/**
 * Listens to an event together with all other callers of this function, by one listener on the object. Returns how to stop.
 *
 * A hundred commands may share one abort signal or one output stream; a hundred listeners on it would make Node warn of
 * a leak. `attach` puts the one listener on the object and returns how to take it off.
 */
export function listenShared(
  object: object,
  event: string,
  listener: Listener,
  attach: (listener: Listener) => () => void,
): () => void {
  const events = shared.get(object) ?? new Map<string, Set<Listener>>();
  shared.set(object, events);
  let group = events.get(event);
  if (group === undefined) {
    const created = new Set<Listener>();
    group = created;
    events.set(event, created);
    detachers.set(
      created,
      attach((argument) => {
        for (const each of [...created]) each(argument);
      }),
    );
  }
  const joined = group;
  joined.add(listener);
  return () => {
    joined.delete(listener);
    if (joined.size > 0 || events.get(event) !== joined) return;
    events.delete(event);
    detachers.get(joined)?.();
  };
}

const detachers = new WeakMap<Set<Listener>, () => void>();

/**
 * Aborts `controller` when `signal` is, with its reason. Returns how to stop. Not `AbortSignal.any`, which keeps something
 * for each command on a signal that lives as long as the program.
 */
export function followAbort(signal: AbortSignal | undefined, controller: AbortController): () => void {
  if (signal === undefined) return () => {};
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  return listenShared(signal, 'abort', abort, (listener) => {
    const onAbort = (): void => listener();
    signal.addEventListener('abort', onAbort);
    return () => signal.removeEventListener('abort', onAbort);
  });
}
