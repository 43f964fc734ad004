import { spawnSync } from 'node:child_process';

const { status } = spawnSync('lockutils-wrapper', ['sh', '-c', 'test -d "$OSLO_LOCK_PATH" && exit 3']);
console.log(status);
