import { InvalidOptionError } from '@oslo-concurrency/core';
import type { HeldLease } from '@oslo-concurrency/lockutils';
import { grantOf } from '@oslo-concurrency/lockutils/drivers';
import type { PostgresClient } from './database/clients.js';
import { FencedOutError } from './postgres-errors.js';
import type { PostgresGrant } from './queue/postgres-grant.js';

/**
 * Binds a transaction to a lease: call it first in the transaction, on the client that is in it. If it resolves, no other
 * caller is granted the lease until the transaction has ended, however late that is and whatever any clock says. If it
 * rejects, roll back. So what is written only in this way is written by one holder after the other.
 *
 * It locks the row of the lease `FOR KEY SHARE`. Renewals pass; a successor waits for the commit. A transaction that is
 * left open therefore keeps all others out: see `idle_in_transaction_session_timeout`. The user needs the permissions
 * SELECT and UPDATE on the table of claims. Works through a pooler in transaction mode.
 *
 * @param client - The connection, in a transaction.
 * @param held - The lease that must still be held.
 * @throws LeaseLostError if the lease is known to be lost; FencedOutError if the database does not have it any more;
 * InvalidOptionError if the client is in no transaction or the lease not one of a Postgres driver; the client's errors.
 * @example
 * await client.query('BEGIN');
 * await withFence(client, held);
 * await client.query('UPDATE counters SET value = value + 1');
 * await client.query('COMMIT');
 */
export async function withFence(client: PostgresClient, held: HeldLease<PostgresGrant>): Promise<void> {
  const { table, key, token } = grantOf(held, 'postgres');
  const expected = 'a client of pg in a transaction: query BEGIN before';
  if (typeof (client as PostgresClient | null)?.query !== 'function')
    throw new InvalidOptionError('client', expected, client);
  held.assertHeld();
  try {
    // Refused outside of a transaction, where the lock on the row would end with its statement.
    await client.query(`LOCK TABLE ${table} IN ACCESS SHARE MODE`);
  } catch (error) {
    if ((error as { code?: unknown }).code === '25P01')
      throw new InvalidOptionError('client', expected, 'a client in none');
    throw error;
  }
  const { rows } = await client.query(
    `SELECT 1 FROM ${table} WHERE name = $1 AND token = $2 AND expires_at > clock_timestamp() FOR KEY SHARE`,
    [key, String(token)],
  );
  if (rows.length > 0) return;
  held.grant.reportLost('gone');
  throw new FencedOutError(held.name, held.fencingToken);
}
