import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeDocument } from '../src/document.mjs';

const row = (subject: string, value: number, parameters?: object) => ({
  subject,
  side: 'ours',
  samples: [value],
  ...(parameters === undefined ? {} : { with: parameters }),
});

/** The document of a run that misses two goals for one reason. */
async function documentOf(more: object) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-document-'));
  const part = (name: string, value: number) => row('ours', value, { part: name });
  const result = {
    date: '2026-01-02T03:04:05.000Z',
    commit: 'c'.repeat(40),
    machine: {},
    seconds: 1,
    versions: {},
    missing: [],
    figures: [
      {
        id: 'locks.uncontended.external',
        title: 'Alone',
        unit: 'us',
        better: 'less',
        rows: [row('ours', 8), row('fasteners', 10), row('filelock', 4), row('proper-lockfile', 100)],
      },
      {
        id: 'locks.parts.us',
        title: 'Parts',
        unit: 'us',
        better: 'less',
        rows: [part('fcntl', 2), part('all system calls', 6), part('JavaScript', 2), part('all', 8)],
      },
      { id: 'locks.parts.calls', title: 'Calls', unit: '', better: 'less', rows: [part('fcntl', 2)] },
    ],
    ...more,
  };
  try {
    await writeDocument(result, folder);
    return readFileSync(join(folder, 'performance.md'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

it('lists the goals that are missed for one reason together, and shows each profile where it comes first', async () => {
  const text = await documentOf({});
  expect(text).toMatch(/^- \*\*.*to proper-lockfile.*\*\*: .*\n\n {2}\| ours: a lock \| calls \| us \| part \|$/m);
  expect(text).toContain('\n  | `fcntl`, alone in a loop | 2.00 | 2.00 | 25 % |\n');
  expect(text.split('| ours: a lock |')).toHaveLength(2);
  expect(text).toContain(
    [
      'A table above shows it. Missed for this reason:',
      '  - **Uncontended external lock in memory, to py-filelock (time)**',
      '  - **Uncontended external lock in memory, to fasteners (time)**',
      '',
    ].join('\n'),
  );
});

it('says of a figure whether more or less is better, and nothing of one that only explains others', async () => {
  const figures = [
    { id: 'a', title: 'A', unit: 'us', better: 'less', rows: [row('ours', 1)] },
    { id: 'b', title: 'B', unit: '1/s', rows: [row('ours', 1)] },
  ];
  const text = await documentOf({ figures });
  expect(text).toContain('| less is better, us | median |');
  expect(text).toContain('| 1/s | median |');
});

it('names what was not steady when it was measured, and nothing where all was', async () => {
  const unsteady = [{ id: 'locks.contended', subject: 'ours', with: { processes: 8, holdMs: 0 } }];
  expect(await documentOf({ unsteady })).toContain('- locks.contended: ours, processes 8, holdMs 0');
  expect(await documentOf({ unsteady: [] })).not.toContain('Still becoming faster');
  // A run of before there was a warm-up.
  expect(await documentOf({})).not.toContain('Still becoming faster');
});
