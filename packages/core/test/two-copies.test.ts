import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

it('G9 two installed copies share configuration, logger and channels, and know each other’s errors', () => {
  const folder = mkdtempSync(join(tmpdir(), 'two-copies-'));
  try {
    const here = join(import.meta.dirname, '..');
    const ini = dirname(dirname(createRequire(join(here, 'src/')).resolve('ini')));
    const entries = ['a', 'b'].map((name) => {
      cpSync(join(here, 'dist'), join(folder, name, 'dist'), { recursive: true });
      writeFileSync(join(folder, name, 'package.json'), '{"type": "module"}');
      symlinkSync(dirname(ini), join(folder, name, 'node_modules'));
      return join(folder, name, 'dist', 'index.js');
    });
    const said = execFileSync(process.execPath, [join(import.meta.dirname, 'fixtures/two-copies.mjs'), ...entries], {
      encoding: 'utf8',
    });
    expect(JSON.parse(said)).toEqual({
      distinct: true,
      instanceOf: false,
      misuse: true,
      failure: true,
      otherCode: false,
      lockPath: '/from/first',
      heard: ['said through second'],
      seen: ['published by second'],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
