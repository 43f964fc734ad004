#!/usr/bin/env node
import { lockutils } from '../dist/lockutils.js';

void lockutils(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
