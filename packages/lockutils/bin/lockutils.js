#!/usr/bin/env node
import { lockutils } from '../dist/cli/lockutils.js';

void lockutils(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
