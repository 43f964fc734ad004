#!/usr/bin/env node
import { lockutilsWrapper } from '../dist/cli/lockutils-wrapper.js';

void lockutilsWrapper(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
