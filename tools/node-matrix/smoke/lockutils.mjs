import { lock } from '@oslo-concurrency/lockutils';

async function works(driver) {
  const options = { external: true, driver };
  const inside = await lock('smoke', options, () =>
    lock('smoke', { ...options, blocking: false, deadlock: 'off' }, () => 'granted twice').catch((error) => error.code),
  );
  if (inside === 'granted twice') throw new Error(inside);
  if ((await lock('smoke', options, () => 'granted again')) !== 'granted again') throw new Error('not released');
}
// Deno cannot load the kernel driver's add-on: the library refuses before Deno would end the whole process.
if (process.versions.deno !== undefined) {
  const refused = await lock('smoke', { external: true, driver: 'kernel' }, () => 'granted').catch((error) => error);
  const advises = /use driver: 'lockfile'/.test(refused.message);
  if (refused.code !== 'ERR_ADDON_UNAVAILABLE' || !advises) throw new Error(`the kernel driver gave ${refused}`);
}
const driver = process.versions.deno === undefined ? 'kernel' : 'lockfile';
await works(driver);
console.log(driver === 'kernel' ? 'works' : "works with driver: 'lockfile'");
