// One run per tick, with croner. Run it in two terminals at once, also with node-cron.mjs in the other:
//
//   node examples/once-per-tick/croner.mjs
//
// Both wake each second; for each second, one of them runs the job, and the other one learns which.
import { Cron } from 'croner';
import { job } from './job.mjs';

// croner starts a run some milliseconds after the time that the schedule names; the tick is that time, to the second.
const cron = new Cron('* * * * * *', (self) => job(new Date(Math.floor(self.currentRun().getTime() / 1000) * 1000)));
setTimeout(() => cron.stop(), Number(process.argv[2] ?? 10) * 1000);
