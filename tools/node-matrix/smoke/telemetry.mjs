import { lockChannels } from '@oslo-concurrency/core';
import { lock } from '@oslo-concurrency/lockutils';
import { observe } from '@oslo-concurrency/telemetry';

const names = [];
const stop = observe({ lockName: (name) => names.push(name) && name });
await lock('smoke', () => {});
stop();
if (names.join() !== 'smoke' || lockChannels.grant.hasSubscribers) throw new Error(`it saw ${names}`);
console.log('works');
