// A process that takes part in leading, running a tick, holding permits and holding several leases, for job-promises.ts.
// Arguments: JSON of { module, options, ttl } of a lease driver, or of { lockPath }. Obeys messages, and reports what it sees;
// each time is that of the system-wide monotonic clock, in milliseconds.
import { lead, lease, leaseAll, oncePer } from '@oslo-concurrency/lockutils';

const { module, options, ttl, lockPath } = JSON.parse(process.argv[2]);
const driver = module && (await (await import(module)).createLeaseDriver(options));
/** `own`: the ttl of one order, where it has one. */
const where = (own = ttl) => (driver === undefined ? { lockPath } : { driver, ttl: own });
const now = () => Number(process.hrtime.bigint()) / 1e6;
const report = (what) => process.send?.(what);
/** Waits for the message `continue`, or for the signal. */
const told = (signal) =>
  new Promise((done) => {
    go = done;
    signal?.addEventListener('abort', done, { once: true });
    if (signal?.aborted) done();
  });
// How much later than it asked for this process was served since the order `count`: what a busy machine took from it.
let late = 0;
let due = now() + 20;
setInterval(() => {
  const over = now() - due;
  if (over > 10) late += over;
  due = now() + 20;
}, 20).unref();
let go = () => {};
let end = new AbortController();
let signal;

const orders = {
  // It resigns by itself after `lasts` milliseconds; otherwise when it is told to continue.
  async lead({ name, ttl, lasts, backOff = 20 }) {
    end = new AbortController();
    await lead(
      name,
      {
        ...where(ttl),
        signal: end.signal,
        backOff,
        label: 'candidate',
        onLeader: ({ self, pid, label }) => report({ leader: pid, self, label }),
      },
      async (term) => {
        signal = term.signal;
        const from = now();
        if (signal.aborted) return;
        report({ term: String(term.fencingToken), from, late });
        if (lasts === undefined) await told(signal);
        else await new Promise((done) => setTimeout(done, lasts));
        // Before the signal is read: it was held at an instant not before this one.
        const to = now();
        report({ over: String(term.fencingToken), from, to: signal.aborted ? undefined : to });
      },
    );
    report({ ended: true });
  },
  async once({ name, ttl, tick, afterCrash, keep, how }) {
    const result = await oncePer(name, tick, { ...where(ttl), afterCrash, keep }, async (run) => {
      report({ runs: process.pid });
      if (how === 'hang') await told();
      if (how === 'throw') throw new Error('no paper');
      return typeof run.fencingToken;
    }).catch(({ code, message }) => ({ error: code ?? message }));
    report({ result });
  },
  async hold({ name, ttl, permits }) {
    const held = await lease(name, { ...where(ttl), permits });
    signal = held.signal;
    report({ held: String(held.fencingToken), from: now(), aborted: signal.aborted });
    await told(signal);
    const to = now();
    report({ to: signal.aborted ? undefined : to });
    await held.release().catch(() => {});
    report({ released: true });
  },
  async all({ names, ttl, rounds }) {
    for (let round = 0; round < rounds; round++) {
      await leaseAll(names, { ...where(ttl), timeout: 30_000 }, async ({ leases }) => {
        const from = now();
        const tokens = leases.map(({ fencingToken }) => String(fencingToken));
        await new Promise((done) => setTimeout(done, 2));
        const to = now();
        const aborted = leases.some((one) => one.signal.aborted);
        report({ all: leases.map(({ name }) => name), tokens, from, to: aborted ? undefined : to });
      });
    }
    report({ ended: true });
  },
};

process.on('message', (order) => {
  if (order.do === 'continue') go();
  else if (order.do === 'end') end.abort(new Error('ended'));
  else if (order.do === 'count') late = 0;
  // Reading the signal of a lease asks its clock, so it is right at once after a stop.
  else if (order.do === 'look') report({ aborted: signal.aborted });
  else orders[order.do](order).catch((error) => report({ failed: String(error?.stack ?? error) }));
});
process.on('disconnect', () => process.exit(0));
report({ ready: true });
