import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** Runs the block of a how-to that contains `part`, without its types, and resolves to what it printed. */
async function printed(page: string, part: string): Promise<string> {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/how-to', page), 'utf8');
  const blocks = [...text.matchAll(/^```ts run\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
  const code = blocks.find((block) => block.includes(part)) ?? '';
  const plain = code.replace(/^import type .*\n/gm, '').replace(/ as AddressInfo| as LockEvent|\btype (?=\w+,)/g, '');
  const folder = mkdtempSync(join(import.meta.dirname, 'how-to-'));
  try {
    writeFileSync(join(folder, 'block.mjs'), plain);
    const env = { ...process.env, OSLO_LOCK_PATH: folder };
    return (await promisify(execFile)(process.execPath, [join(folder, 'block.mjs')], { env })).stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

it('the how-to of Prometheus prints what a scrape of its server finds of the lock', async () => {
  const text = await printed('telemetry.md', 'PrometheusExporter');
  const labels = 'oslo_concurrency_lock_name="nightly-report",oslo_concurrency_lock_kind="internal"';
  expect(text).toContain(`oslo_concurrency_lock_hold_duration_count{${labels}`);
  expect(text).toMatch(/oslo_concurrency_lock_hold_duration_count\{.*\} 1'/);
  expect(text).toMatch(/oslo_concurrency_lock_held\{.*\} 0'/);
});

it('the how-to of pino prints a line for each step of the lock, and masks what the command was given', async () => {
  const lines = (await printed('log-with-pino.md', "pino({ level: 'debug' })")).trim().split('\n');
  const messages = lines.map((line) => JSON.parse(line) as { level: number; module: string; msg: string });
  expect(messages.map(({ msg }) => msg)).toEqual([
    'Acquiring lock "nightly-report"',
    'Acquired lock "nightly-report"',
    expect.stringMatching(/^Running cmd .*echo --password \*\*\*$/),
    expect.stringMatching(/^CMD .* returned: 0/),
    'Releasing lock "nightly-report"',
  ]);
  expect(new Set(messages.map(({ level, module }) => `${level} ${module}`))).toEqual(new Set(['20 oslo-concurrency']));
});
