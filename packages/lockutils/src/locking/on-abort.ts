const actionsOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `action` when `signal` aborts; returns how to stop.
 *
 * However many wait with one signal, there is one listener on it: a service that gives its shutdown signal to every call
 * would else be warned of a leak at the eleventh.
 */
export function onAbort(signal: AbortSignal, action: () => void): () => void {
  const actions = actionsOf.get(signal) ?? listen(signal);
  actions.add(action);
  return () => actions.delete(action);
}

function listen(signal: AbortSignal): Set<() => void> {
  const actions = new Set<() => void>();
  actionsOf.set(signal, actions);
  const abort = (): void => {
    // One action may end what another waits for: who has stopped meanwhile is not called, as with listeners.
    for (const action of [...actions]) if (actions.has(action)) action();
  };
  signal.addEventListener('abort', abort, { once: true });
  return actions;
}
