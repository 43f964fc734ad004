// One run per tick, with node-cron. Run it in two terminals at once, also with croner.mjs in the other:
//
//   node examples/once-per-tick/node-cron.mjs [seconds] [URL of an engine]
import cron from 'node-cron';
import { end, job } from './job.mjs';

const jobs = new Set();
// `date` is the time that the schedule names, and so the same in every process.
const task = cron.schedule('* * * * * *', ({ date }) => {
  jobs.add(job(new Date(Math.floor(date.getTime() / 1000) * 1000)));
});
setTimeout(
  async () => {
    await task.destroy();
    await Promise.all(jobs);
    await end();
  },
  Number(process.argv[2] ?? 10) * 1000,
);
