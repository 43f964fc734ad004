import { appendFile, readFile } from 'node:fs/promises';
import { lock } from '@oslo-concurrency/lockutils';

/** Appends an entry with its number to the ledger file; never two with one number, whoever appends. */
export async function append(file, entry) {
  return lock('ledger', { external: true, timeout: 10_000 }, async () => {
    const lines = await readFile(file, 'utf8').catch(() => '');
    const number = lines.split('\n').length;
    await appendFile(file, `${number} ${entry}\n`);
    return number;
  });
}
