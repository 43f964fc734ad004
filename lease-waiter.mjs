// A process that waits for a lease until it is killed, for lease-promises.ts. Argument: JSON of { module, options, name, ttl }.
import { lease } from '@oslo-concurrency/lockutils';

const { module, options, name, ttl } = JSON.parse(process.argv[2]);
const { createLeaseDriver } = await import(module);
// The test that started it is gone.
process.on('disconnect', () => process.exit(0));
await lease(name, { driver: await createLeaseDriver(options), ttl, onWait: () => process.send('waits') });
