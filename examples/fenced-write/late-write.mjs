// A write that comes too late, and the fence that refuses it. It needs a Postgres server:
//
//   node examples/fenced-write/late-write.mjs postgres://user@127.0.0.1:5432/database
//
// One holder reads a balance, is held up for longer than its lease lasts, and writes. Meanwhile another holder has changed
// the balance. First without the fence: a payment disappears. Then with it: the late write is refused.
import { lease } from '@oslo-concurrency/lockutils';
import { postgresLeaseDriver, withFence } from '@oslo-concurrency/lockutils-postgres';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.argv[2], connectionTimeoutMillis: 5000 });
pool.on('error', () => {});
const driver = postgresLeaseDriver({ pool });

/** Runs `work` in a transaction. */
async function transaction(work) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await work(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
const balance = async () => (await pool.query('SELECT amount FROM late_write_account')).rows[0].amount;

/** Adds `amount` under a lease of `ttl` ms; `meanwhile` happens between the read and the write. */
async function pay(amount, fenced, ttl, meanwhile = async () => {}) {
  const held = await lease('account', { driver, ttl });
  const before = await balance();
  await meanwhile(held);
  try {
    await transaction(async (client) => {
      // Here the holder's own clock refuses it already (ERR_LEASE_LOST). If the holder is stopped after that look, the
      // database does (ERR_FENCED_OUT).
      if (fenced) await withFence(client, held);
      await client.query('UPDATE late_write_account SET amount = $1', [before + amount]);
    });
  } finally {
    await held.release().catch(() => {});
  }
}

/** The holder is held up: its event loop stands still for longer than its lease lasts. Then another holder pays 10. */
async function heldUp(fenced) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
  await pay(10, fenced, 15_000);
}

await pool.query('CREATE TABLE IF NOT EXISTS late_write_account (amount integer NOT NULL)');
for (const fenced of [false, true]) {
  await pool.query('DELETE FROM late_write_account');
  await pool.query('INSERT INTO late_write_account VALUES (100)');
  const late = await pay(1, fenced, 1000, () => heldUp(fenced)).then(
    () => 'was written',
    (error) => `was refused (${error.code})`,
  );
  console.log(`${fenced ? 'with' : 'without'} the fence: 100 + 10, and the late + 1 ${late}: ${await balance()}`);
}
await pool.query('DROP TABLE late_write_account');
await driver.close();
await pool.end();
