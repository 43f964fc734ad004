import { configure, getLockPath, watch } from '@oslo-concurrency/core';

configure({ lockPath: '/run/locks' });
if (getLockPath() !== '/run/locks') throw new Error('configure() does not work');
await watch(console, 'nothing', {}, () => {});
console.log('works');
