import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { isInstalled, python } from '../../../../installed.js';
import { fixture } from './processes.js';

/** oslo.utils in a Python process that stays: asked for many texts at once, it answers in their order. */
export interface MaskOracle {
  readonly version: string;
  /** Its keys, in its order, with those that later versions added. */
  readonly keys: readonly string[];
  mask(texts: readonly string[]): Promise<string[]>;
  stop(): Promise<void>;
}

/** Whether the Debian package python3-oslo.utils is installed; with CI set it has to be. */
export function oracleIsInstalled(): boolean {
  return isInstalled('python3-oslo.utils', spawnSync(python, ['-c', 'import oslo_utils.strutils']).status === 0);
}

export async function startMaskOracle(): Promise<MaskOracle> {
  const child = spawn(python, [fixture('mask-oracle.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => JSON.parse((await lines.next()).value as string) as string;
  return {
    version: await next(),
    keys: (await next()).split(' '),
    async mask(texts) {
      child.stdin.write(texts.map((text) => `${asciiJson(text)}\n`).join(''));
      const masked: string[] = [];
      for (const _ of texts) masked.push(await next());
      return masked;
    },
    async stop() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

// Lone surrogates have no UTF-8; escaped they travel.
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
