import { synchronized } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

class Ledger {
  name = 'mine';

  @synchronized('ledger', { external: true })
  async append(entry: string): Promise<string> {
    work();
    return `${this.name} ${entry}`;
  }
}

console.log(await new Ledger().append('a'));
