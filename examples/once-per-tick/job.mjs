// The job of a schedule, at most once for each tick, of all processes of this machine. With a lease driver, of all machines:
// `oncePer('report', tick, { driver, ttl: 15_000, afterCrash: 'skip' }, ...)`.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oncePer } from '@oslo-concurrency/lockutils';

const lockPath = join(tmpdir(), 'once-per-tick');
mkdirSync(lockPath, { recursive: true });

export async function job(tick) {
  const options = { lockPath, afterCrash: 'skip', keep: 60_000 };
  const { ran, record } = await oncePer('report', tick, options, () => {
    console.log(`${tick.toISOString()}: run here`);
  });
  if (!ran) console.log(`${tick.toISOString()}: run by pid ${record.by.pid}, ${record.outcome}`);
}
