// The job of a schedule, at most once for each tick: of all processes of this machine, or with a URL of an engine, such as
// redis://127.0.0.1:6379, of all machines that use it.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oncePer } from '@oslo-concurrency/lockutils';
import { driverOn } from '../one-line-switch/hold-on.mjs';

const [, , , url] = process.argv;
const lockPath = join(tmpdir(), 'once-per-tick');
mkdirSync(lockPath, { recursive: true });
const driver = url && driverOn(url);
const where = driver ? { driver, ttl: 5000 } : { lockPath };

export async function job(tick) {
  const options = { ...where, afterCrash: 'skip', keep: 60_000 };
  const { ran, record } = await oncePer('report', tick, options, () => {
    console.log(`${tick.toISOString()}: run here`);
  });
  if (!ran) console.log(`${tick.toISOString()}: run by pid ${record.by.pid}, ${record.outcome}`);
}

/** Disconnects. */
export async function end() {
  await driver?.close?.();
}
