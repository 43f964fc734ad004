import { lock, Semaphores } from '@oslo-concurrency/lockutils';

const mine = new Semaphores();
await lock('cache', { semaphores: mine }, async () => {
  await lock('cache', () => console.log(mine.size));
});
await mine.get('cache').acquire(() => console.log('held'));
console.log(mine.size);
