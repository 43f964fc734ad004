// One run per tick, with node-cron. Run it in two terminals at once, also with croner.mjs in the other:
//
//   node examples/once-per-tick/node-cron.mjs
import cron from 'node-cron';
import { job } from './job.mjs';

// `date` is the time that the schedule names, and so the same in every process.
const task = cron.schedule('* * * * * *', ({ date }) => job(new Date(Math.floor(date.getTime() / 1000) * 1000)));
setTimeout(() => task.destroy(), Number(process.argv[2] ?? 10) * 1000);
