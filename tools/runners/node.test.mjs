import { it } from 'node:test';
import { promises } from './promises.mjs';

for (const [title, promise] of Object.entries(promises)) it(title, promise);
