import { endBySignal, SignalRelay } from '../child/signal-relay.js';

/**
 * Runs `work` until it ends by itself, or a signal asks it to, or the reader of standard output has gone. Ctrl-C is how a
 * command that goes on and on is ended, so its status is 0. Any other signal ends this process once `work` has cleaned up.
 */
export async function untilEnded(work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const relay = new SignalRelay();
  const closed = new AbortController();
  const close = (): void => closed.abort();
  process.stdout.on('error', close);
  try {
    await work(AbortSignal.any([relay.waitSignal, closed.signal]));
    const { endedWait } = relay;
    return endedWait === undefined || endedWait === 'SIGINT' ? 0 : endBySignal(relay, endedWait);
  } finally {
    process.stdout.off('error', close);
    relay.end();
  }
}
