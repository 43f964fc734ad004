import { describe, expect, it } from 'vitest';
import { Later } from '../src/later.js';

// No file has this name, so require() cannot load it: as in a bundle.
const absent = './no-such-file.js';

describe('a part that can only be imported', () => {
  it('G10 is used in the order of the calls, those made meanwhile included', async () => {
    let arrive = (_module: { readonly name: string }): void => {};
    const arrived = new Promise<{ readonly name: string }>((resolve) => {
      arrive = resolve;
    });
    const part = new Later(import.meta.url, absent, () => arrived);
    const order: string[] = [];
    let inside: Promise<unknown> | undefined;
    const first = part.use(() => {
      order.push('first');
      inside = part.use(() => order.push('made by the first'));
    });
    const second = part.use(() => order.push('second'));
    expect(part.loaded).toBeUndefined();
    arrive({ name: 'part' });
    await Promise.all([first, second]);
    await inside;
    expect(order).toEqual(['first', 'second', 'made by the first']);
    expect(part.loaded).toEqual({ name: 'part' });
  });

  it('fails the calls that waited for it, and is asked for again by the next', async () => {
    const outcomes = [Promise.reject(new Error('no descriptor')), Promise.resolve({ name: 'part' })];
    for (const outcome of outcomes) outcome.catch(() => {});
    const part = new Later(
      import.meta.url,
      absent,
      () => outcomes.shift() ?? Promise.reject(new Error('asked too often')),
    );
    await expect(part.use(() => 'used')).rejects.toThrow('no descriptor');
    await expect(part.use(({ name }) => name)).resolves.toBe('part');
    await expect(part.use(({ name }) => name)).resolves.toBe('part');
  });

  it('cannot be had by code that cannot wait', () => {
    expect(() => new Later(import.meta.url, absent, () => Promise.resolve({})).now()).toThrow(/no-such-file/);
  });
});

describe('a part beside this one', () => {
  it('is used before the call returns, and what it throws is a rejection', async () => {
    const built = import.meta.resolve('@oslo-concurrency/core');
    const part = new Later<typeof import('../src/clock.js')>(built, './clock.js', () => {
      throw new Error('imported');
    });
    let used = '';
    const call = part.use(({ systemClock }) => {
      used = typeof systemClock.now;
    });
    expect(used).toBe('function');
    await call;
    const thrown = part.use(() => {
      throw new TypeError('misuse');
    });
    await expect(thrown).rejects.toThrow(TypeError);
  });
});
