import { execute } from '@oslo-concurrency/processutils';

const { stdout } = await execute('sh', ['-c', 'printf %s "$0"', 'forty-two']);
if (stdout !== 'forty-two') throw new Error(`execute() gave ${JSON.stringify(stdout)}`);
const began = performance.now();
const code = await execute('sleep', ['30'], { timeout: 200 }).catch((error) => error.code);
if (code !== 'ERR_PROCESS_TIMEOUT') throw new Error(`a timeout gave ${code}`);
if (performance.now() - began > 10_000) throw new Error('a timeout did not end the command');
const watched = await execute('sh', ['-c', 'printf watched'], { killOnParentExit: true });
if (watched.stdout !== 'watched') throw new Error(`killOnParentExit gave ${JSON.stringify(watched.stdout)}`);
console.log('works');
