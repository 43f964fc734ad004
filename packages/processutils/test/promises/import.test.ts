import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as processutils from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { importFootprint } from '../../../../import-footprint.js';
import { fixture } from '../support/processes.js';

interface Effects {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly resources: readonly string[];
}

const importOnce = (): Effects =>
  JSON.parse(execFileSync(process.execPath, [fixture('import-effects.mjs')], { encoding: 'utf8' })) as Effects;

describe('importing the package', () => {
  it('G22 adds no listener, patches nothing and leaves nothing open', () => {
    expect(importOnce()).toMatchObject({ added: [], changed: [], resources: [] });
  });

  it('G22 is two files of at most 200,000 characters after core, and needs at most 42 modules of Node', () => {
    const after = [import.meta.resolve('@oslo-concurrency/core')];
    const footprint = importFootprint(import.meta.resolve('@oslo-concurrency/processutils'), { after });
    expect(footprint.files).toHaveLength(2);
    expect(footprint.kilocharacters).toBeLessThanOrEqual(200);
    expect(footprint.nodeModules).toBeLessThanOrEqual(42);
  });

  it('gives these names and no others', () => {
    expect(Object.keys(processutils).sort()).toEqual([
      'InvalidArgumentError',
      'LineTooLongError',
      'LogErrors',
      'NoRootWrapSpecifiedError',
      'PipelineError',
      'ProcessAbortedError',
      'ProcessExecutionError',
      'ProcessLimits',
      'ProcessLimitsUnavailableError',
      'ProcessTimeoutError',
      'SshOutcomeUnknownError',
      'UnknownArgumentError',
      'execute',
      'executeLines',
      'executePipeline',
      'getWorkerCount',
      'isConcurrencyError',
      'isSecretArgument',
      'maskPassword',
      'secret',
      'setLogger',
      'sshExecute',
      'trycmd',
    ]);
  });

  it('does not need ssh2, which is an optional peer', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      peerDependenciesMeta: unknown;
      dependencies: Readonly<Record<string, string>>;
    };
    expect(manifest.peerDependenciesMeta).toEqual({ ssh2: { optional: true } });
    expect(Object.keys(manifest.dependencies).sort()).toEqual(['@oslo-concurrency/core', 'execa', 'shlex']);
  });
});
