import { parseArgs } from 'node:util';

const engines = ['etcd', 'postgres', 'redis'];

const usage = `npm run quickstart -- [--processes N] [--seconds S] [--hold MS] [--fair] [--engine NAME]
  --processes  Node processes that share the ledger, 1 to 64; 8 by default
  --seconds    how long they work under the lock, 0.5 to 600; 3 by default
  --hold       how long each booking takes, 0 to 1000 ms; 2 by default
  --fair       grant in order of arrival
  --engine     keep the ledger between machines, under a lease: etcd, postgres or redis, which is started here`;

/** The arguments, or an `Error` that says what is wrong and shows the usage. */
export function readArguments(args) {
  const options = { processes: { type: 'string' }, seconds: { type: 'string' }, hold: { type: 'string' } };
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: { ...options, fair: { type: 'boolean' }, engine: { type: 'string' }, help: { type: 'boolean' } },
    }));
  } catch (error) {
    throw new Error(`${error.message}\n${usage}`, { cause: error });
  }
  if (values.help) throw new Error(usage);
  if (values.engine !== undefined && !engines.includes(values.engine))
    throw new Error(`--engine must be one of ${engines.join(', ')}; got ${values.engine}\n${usage}`);
  const processes = within('processes', values.processes ?? '8', 1, 64);
  if (!Number.isInteger(processes)) throw new Error(`--processes must be a whole number\n${usage}`);
  return {
    processes,
    seconds: within('seconds', values.seconds ?? '3', 0.5, 600),
    hold: within('hold', values.hold ?? '2', 0, 1000),
    fair: values.fair ?? false,
    engine: values.engine,
  };
}

function within(name, text, least, most) {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new Error(`--${name} must be a number from ${least} to ${most}; got ${text}\n${usage}`);
}
