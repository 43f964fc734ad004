import { it } from 'vitest';
import { promises } from './promises.mjs';

for (const [title, promise] of Object.entries(promises)) it(title, promise);
