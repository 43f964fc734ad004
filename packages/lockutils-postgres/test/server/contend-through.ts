import { lease } from '@oslo-concurrency/lockutils';
import { expect } from 'vitest';
import { additions, type Fact, violations } from '../../../../lease-history.js';
import { postgresLeaseDriver } from '../../src/index.js';
import { type ContenderPlan, Contenders } from './contenders.js';
import { type PostgresServer, until } from './postgres-server.js';

/** How much longer to go on than in a normal run: SOAK=20 does each fault twenty times. */
export const soak = Number(process.env.SOAK ?? 1);
/** The ttl of contenders, in milliseconds. */
export const ttl = 800;

let names = 0;

/** What happens while clients contend, and where their history ends. */
export interface Contention {
  readonly server: PostgresServer;
  /** The server that has the tables at the end, if it is another one. */
  readonly successor?: PostgresServer;
  readonly plan?: Partial<ContenderPlan>;
  /** How often the fault happens; more often in a long run. */
  readonly rounds?: number;
  /** The environment of the client with this index. */
  readonly env?: (index: number) => { readonly [name: string]: string };
  fault(contenders: Contenders, plan: ContenderPlan): Promise<unknown>;
}

/** A plan with a name and a counter of its own. */
export async function freshPlan(server: PostgresServer, plan: Partial<ContenderPlan> = {}): Promise<ContenderPlan> {
  const name = `fault-${++names}`;
  await server.sql('CREATE TABLE IF NOT EXISTS counters (name text PRIMARY KEY, value integer NOT NULL)');
  await server.sql('INSERT INTO counters VALUES ($1, 0)', [name]);
  return { url: server.url, name, ttl, ...plan };
}

export async function counterOf(server: PostgresServer, name: string): Promise<number> {
  const [row] = await server.sql<{ value: number }>('SELECT value FROM counters WHERE name = $1', [name]);
  return row?.value ?? Number.NaN;
}

/** Lets three clients contend while the fault happens. Answers what they saw, and what the counter is at the end. */
export async function contend({
  server,
  successor = server,
  plan,
  env = () => ({}),
  rounds = soak,
  fault,
}: Contention) {
  const whole = await freshPlan(server, plan);
  await using contenders = new Contenders();
  for (let n = 0; n < 3; n++) contenders.start(1, whole, env(n));
  await contenders.grants(6);
  for (let round = 0; round < rounds; round++) {
    await fault(contenders, whole);
    await contenders.grants(6);
  }
  const history = await contenders.end();
  return { history, counted: await counterOf(successor, whole.name), name: whole.name };
}

/** The same, and judges it: no two holders, tokens that grow, every confirmed addition, and nothing left. */
export async function contendThrough(contention: Contention): Promise<readonly Fact[]> {
  const { server, successor = server } = contention;
  const { history, counted, name } = await contend(contention);
  expect(violations(history)).toEqual([]);
  expectCounted(history, counted);
  // A lease whose removal fell into the outage is removed by the next caller after it has expired. The place of a waiter
  // that died counts for nothing then; its row goes when a new driver is first used.
  const left = 'SELECT 1 FROM oslo_leases_claims WHERE token IS NOT NULL OR expires_at > clock_timestamp()';
  await until(async () => {
    await using driver = postgresLeaseDriver({ url: successor.url });
    await lease(name, { driver, ttl, timeout: ttl * 2 }, () => {});
    return (await successor.sql(left)).length === 0;
  });
  return history;
}

/** Every confirmed addition is in the counter, and none that nobody made. */
export function expectCounted(history: readonly Fact[], counted: number): void {
  const { sure, perhaps } = additions(history);
  expect(counted, `${sure} additions, and perhaps ${perhaps} more`).toBeGreaterThanOrEqual(sure);
  expect(counted).toBeLessThanOrEqual(sure + perhaps);
}
