// `node examples/third-party-driver/verify.mjs [--runs N]`: does the socket driver keep what a strict driver promises?
import { parseArgs } from 'node:util';
import { verifyLockDriver } from '@oslo-concurrency/fixture';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '50' } } });
const driver = { module: new URL('./socket-driver.mjs', import.meta.url), export: 'socketDriver' };
const report = await verifyLockDriver(driver, { runs: Number(values.runs), pause: 2000 });
console.log(String(report));
process.exitCode = report.passed ? 0 : 1;
