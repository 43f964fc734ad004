import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { liveness } from '../../build/owner/liveness.js';
import {
  decodeOwnerRecord,
  encodeOwnerRecord,
  holderOf,
  maxOwnerRecordBytes,
  restampOwnerRecord,
} from '../../build/owner/owner-record.js';
import { ownIdentity } from '../../build/owner/process-identity.js';
import { testProperty } from '../support/property-test.js';

describe('an owner record', () => {
  test('names process, machine, command, label and time, and is judged like the process itself', () => {
    const record = decodeOwnerRecord(encodeOwnerRecord('nightly', 1_700_000_000_000.5));
    expect(record).toMatchObject({ ...ownIdentity(), label: 'nightly', since: 1_700_000_000_000 });
    expect(record && liveness(record)).toBe(liveness(ownIdentity()));
    expect(record && holderOf(record)).toEqual({
      pid: process.pid,
      command: record?.command,
      host: ownIdentity().host,
      label: 'nightly',
      since: new Date(1_700_000_000_000),
    });
  });

  testProperty([fc.option(fc.string({ unit: 'grapheme', maxLength: 2000 }), { nil: undefined })])(
    'fits its size whatever the label, of which it keeps the beginning',
    (label) => {
      const bytes = encodeOwnerRecord(label, Date.now());
      expect(bytes.length).toBeLessThanOrEqual(maxOwnerRecordBytes);
      const record = decodeOwnerRecord(bytes);
      const printable = label?.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
      expect(record).toBeDefined();
      expect(printable?.startsWith(record?.label ?? '')).toBe(label === undefined ? undefined : true);
      if (label !== undefined && Buffer.byteLength(JSON.stringify(label)) < 100) expect(record?.label).toBe(printable);
    },
  );

  test('is of this call, whatever the calls before it asked for', () => {
    const calls = [undefined, 'a', 'a', 'b', undefined, 'a', 'x'.repeat(2000), 'x'.repeat(2000)].flatMap((label) =>
      [undefined, 2, 2, 10_000].flatMap((permits) =>
        [1, 1, 1_700_000_000_000].map((since) => ({ label, permits, since })),
      ),
    );
    for (const { label, permits, since } of calls) {
      const bytes = encodeOwnerRecord(label, since, permits);
      expect(bytes.length).toBeLessThanOrEqual(maxOwnerRecordBytes);
      const record = decodeOwnerRecord(bytes);
      expect([record?.since, record?.permits]).toEqual([since, permits]);
      if (label !== undefined && label.length < 100) expect(record?.label).toBe(label);
      else expect(record?.label?.[0]).toBe(label?.[0]);
    }
  });

  const moment = fc.oneof(fc.constant(0), fc.integer({ min: -10, max: 20_000 }), fc.integer({ min: 0, max: 8.64e15 }));
  testProperty([fc.option(fc.string(), { nil: undefined }), moment, moment])(
    'with another time put in is the record of that time, or refused where its length differs',
    (label, before, after) => {
      const record = encodeOwnerRecord(label, before);
      const same = before >= 0 && after > 0 && String(before).length === String(after).length;
      expect(restampOwnerRecord(record, after)).toBe(same);
      if (same) expect(record).toEqual(encodeOwnerRecord(label, after));
    },
  );

  testProperty([fc.nat({ max: 400 })])('is all or nothing when cut short', (length) => {
    const whole = encodeOwnerRecord('label', Date.now());
    expect(decodeOwnerRecord(whole.subarray(0, Math.min(length, whole.length - 1)))).toBeUndefined();
  });

  test('is read although a longer one stood there before', () => {
    const over = Buffer.concat([encodeOwnerRecord(undefined, 5), Buffer.from('rest of a longer record"}\n')]);
    expect(decodeOwnerRecord(over)?.since).toBe(5);
  });

  const magic = 'oslo-concurrency owner 1\n';
  testProperty([
    fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      fc.oneof(fc.json(), fc.string()).map((text) => Buffer.from(`${magic}${text}\n`)),
      fc
        .record({ pid: fc.anything(), since: fc.anything(), host: fc.anything(), command: fc.anything() })
        .map((value) => Buffer.from(`${magic}${fc.stringify(value)}\n`)),
    ),
  ])('of somebody else is undefined or whole, and never throws', (bytes) => {
    const record = decodeOwnerRecord(bytes);
    if (record === undefined) return;
    expect(holderOf(record).since?.getTime()).toBe(record.since);
    expect(liveness(record)).toMatch(/alive|dead|unknown/);
  });

  test('writes nothing to the terminal of who reads it', () => {
    const text = JSON.stringify({ pid: 7, since: 1, host: 'h\u001b[2J', command: 'a\u202eb\n', label: '\u0007' });
    expect(decodeOwnerRecord(Buffer.from(`${magic}${text}\n`))).toMatchObject({
      host: 'h?[2J',
      command: 'a?b?',
      label: '?',
    });
  });

  test('shows program and script, but no further argument and nothing that was evaluated', () => {
    const program = `import(${JSON.stringify(new URL('../../build/owner/holder.js', import.meta.url).href)})
      .then(({ ownCommand }) => console.log(ownCommand()))`;
    expect(execFileSync(process.execPath, ['-e', program, '/secret']).toString()).toBe('node\n');
    expect(execFileSync(process.execPath, ['-', '/secret'], { input: program }).toString()).toBe('node\n');
  });
});
