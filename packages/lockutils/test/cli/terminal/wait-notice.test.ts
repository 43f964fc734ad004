import type { Clock } from '@oslo-concurrency/core';
import { expect, it } from 'vitest';
import { type NoticeOutput, showWait, waitText } from '../../../build/cli/terminal/wait-notice.js';
import type { Holder } from '../../../build/owner/holder.js';

const holder: Holder = { pid: 4242, command: 'node deploy.js', host: 'web1', since: new Date(1_000_000) };

/** A clock that goes only when told. */
function handClock(): Clock & { pass(milliseconds: number): Promise<void> } {
  let time = 0;
  const due = new Map<() => void, number>();
  return {
    now: () => time,
    schedule(delay, action) {
      due.set(action, time + delay);
      return () => due.delete(action);
    },
    async pass(milliseconds) {
      for (const end = time + milliseconds; time < end; ) {
        time = Math.min(end, ...due.values());
        for (const [action, at] of due) {
          if (at > time) continue;
          due.delete(action);
          action();
        }
        await new Promise(setImmediate);
      }
    },
  };
}

function recorded(more: Partial<NoticeOutput> = {}): NoticeOutput & { readonly written: string[] } {
  const written: string[] = [];
  return { ...more, written, write: (text) => written.push(text) };
}

it('the notice of a wait names the holder, and for how long it has held the lock', () => {
  const text = (holders: readonly Holder[], seconds = 12): string =>
    waitText('deploy', holders, 1_000_000 + seconds * 1000);
  expect(text([holder])).toBe('waiting for deploy, held by pid 4242 (node deploy.js) on web1 for 12 s');
  expect(text([holder, holder, holder], 3725)).toBe(
    'waiting for deploy, held by pid 4242 (node deploy.js) on web1 and 2 more for 1 h 2 min',
  );
  expect(text([{ ...holder, label: 'ann' }])).toContain('pid 4242 (ann) on web1');
  expect(text([{ pid: 7 }])).toBe('waiting for deploy, held by pid 7');
  expect(text([{}])).toBe('waiting for deploy, held by pid unknown');
  expect(text([])).toBe('waiting for deploy, holder unknown');
  // The clock was set back since.
  expect(text([holder], -5)).toContain('for 0 s');
});

it('the notice of a wait lets neither a name nor a label control the terminal', () => {
  expect(waitText('a\u001b[2Jb', [{ pid: 1, label: 'c\nd\u0007' }], 0)).toBe(
    'waiting for a?[2Jb, held by pid 1 (c?d?)',
  );
});

it('writes to a log a line after 1 s and one every 30 s, and nothing for a shorter wait', async () => {
  const clock = handClock();
  const output = recorded();
  const end = showWait('x', async () => [holder], output, clock);
  await clock.pass(999);
  expect(output.written).toEqual([]);
  await clock.pass(1);
  expect(output.written).toHaveLength(1);
  expect(output.written[0]).toMatch(/^lockutils: waiting for x, held by pid 4242 .*\n$/);
  await clock.pass(29_999);
  expect(output.written).toHaveLength(1);
  await clock.pass(1);
  expect(output.written).toHaveLength(2);
  await clock.pass(90_000);
  expect(output.written).toHaveLength(5);
  end();
  await clock.pass(90_000);
  expect(output.written).toHaveLength(5);
});

it('the notice of a wait keeps one line of a terminal up to date, within its width, and clears it at the end', async () => {
  const clock = handClock();
  const output = recorded({ isTTY: true, columns: 30 });
  const end = showWait('x', async () => [holder], output, clock);
  await clock.pass(2200);
  expect(output.written).toEqual(Array(3).fill('\r\u001b[2Kwaiting for x, held by pid 4…'));
  end();
  end();
  expect(output.written.slice(3)).toEqual(['\r\u001b[2K']);
  await clock.pass(5000);
  expect(output.written).toHaveLength(4);
});

it('the notice of a wait counts on 80 columns on a terminal that reports no size', async () => {
  const clock = handClock();
  const output = recorded({ isTTY: true, columns: 0 });
  const end = showWait('x'.repeat(100), async () => [holder], output, clock);
  await clock.pass(200);
  expect(output.written[0]).toBe(`\r\u001b[2Kwaiting for ${'x'.repeat(66)}…`);
  end();
});

it('clears nothing when it has shown nothing, and goes on when the holders cannot be had', async () => {
  const clock = handClock();
  const quick = recorded({ isTTY: true });
  showWait('x', async () => [holder], quick, clock)();
  const failing = recorded();
  const end = showWait('x', () => Promise.reject(new Error('no')), failing, clock);
  await clock.pass(1000);
  expect(quick.written).toEqual([]);
  expect(failing.written).toEqual(['lockutils: waiting for x, holder unknown\n']);
  end();
});

it('counts two columns for letters that take two, so that the line never wraps', async () => {
  const clock = handClock();
  const output = recorded({ isTTY: true, columns: 30 });
  const end = showWait('錠前', async () => [{ pid: 4242, label: '日本語' }], output, clock);
  await clock.pass(200);
  end();
  expect(output.written[0]).toBe('\r\u001b[2Kwaiting for 錠前, held by pi…');
});

it('writes nothing where somebody else types, and comes back with the terminal', async () => {
  const clock = handClock();
  let inBackground = true;
  const output = recorded({ isTTY: true, columns: 30, inBackground: () => inBackground });
  const end = showWait('x', async () => [holder], output, clock);
  await clock.pass(3000);
  expect(output.written).toEqual([]);
  inBackground = false;
  await clock.pass(1000);
  expect(output.written).toHaveLength(1);
  inBackground = true;
  await clock.pass(1000);
  end();
  expect(output.written).toHaveLength(1);
});
