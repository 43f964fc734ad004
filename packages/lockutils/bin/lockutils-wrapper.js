#!/usr/bin/env node
import { lockutilsWrapper } from '../dist/lockutils-wrapper.js';

void lockutilsWrapper(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
