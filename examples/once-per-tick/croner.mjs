// One run per tick, with croner. Run it in two terminals at once, also with node-cron.mjs in the other:
//
//   node examples/once-per-tick/croner.mjs [seconds] [URL of an engine]
//
// Both wake each second; for each second, one of them runs the job, and the other one learns which.
import { Cron } from 'croner';
import { end, job } from './job.mjs';

const jobs = new Set();
// croner starts a run some milliseconds after the time that the schedule names; the tick is that time, to the second.
const cron = new Cron('* * * * * *', (self) => {
  const running = job(new Date(Math.floor(self.currentRun().getTime() / 1000) * 1000));
  jobs.add(running);
});
setTimeout(
  async () => {
    cron.stop();
    await Promise.all(jobs);
    await end();
  },
  Number(process.argv[2] ?? 10) * 1000,
);
