import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';

const site = join(import.meta.dirname, '.site');
const page = (text, link) => ({ text, link });
const reference = existsSync(join(site, 'reference'))
  ? readdirSync(join(site, 'reference'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => [
        page(name, `/reference/${name}/`),
        ...readdirSync(join(site, 'reference', name))
          .map((file) => file.replace(/\.md$/, ''))
          .filter((file) => file !== 'index')
          .map((file) => page(`${name}/${file}`, `/reference/${name}/${file}`)),
      ])
  : [];

export default defineConfig({
  title: 'oslo-concurrency',
  description: 'Locks between tasks, threads, processes and machines; commands that always end',
  cleanUrls: true,
  lastUpdated: false,
  themeConfig: {
    search: { provider: 'local' },
    outline: 'deep',
    nav: [
      page('Tutorial', '/tutorial'),
      page('Concepts', '/concepts/what-a-lock-promises'),
      page('Reference', '/reference/'),
    ],
    sidebar: [
      { text: 'Start', items: [page('Tutorial', '/tutorial')] },
      {
        text: 'How to',
        items: [
          page('Run one at a time', '/how-to/run-one-at-a-time'),
          page('Limit how many', '/how-to/limit-how-many'),
          page('Share locks with Python', '/how-to/share-locks-with-python'),
          page('Hold between machines', '/how-to/hold-between-machines'),
          page('Write a lease driver', '/how-to/write-a-lease-driver'),
          page('Run a command', '/how-to/run-a-command'),
          page('Read the output of a command', '/how-to/read-the-output'),
          page('Join commands', '/how-to/join-commands'),
          page('Test code that locks', '/how-to/test-code-that-locks'),
          page('Watch locks', '/how-to/watch-locks'),
          page('Metrics and spans', '/how-to/telemetry'),
          page('Log with pino', '/how-to/log-with-pino'),
          page('Bundle a program', '/how-to/bundle'),
        ],
      },
      {
        text: 'Concepts',
        items: [
          page('What a lock promises', '/concepts/what-a-lock-promises'),
          page('Which lock', '/choosing'),
          page('Fairness', '/concepts/fairness'),
          page('Leases and fencing', '/concepts/leases-and-fencing'),
          page('Deadlocks', '/concepts/deadlocks'),
          page('Ending processes', '/concepts/ending-processes'),
          page('Masking', '/concepts/masking'),
        ],
      },
      {
        text: 'Come from',
        items: [
          page('oslo.concurrency', '/migrate/oslo-concurrency'),
          page('proper-lockfile', '/migrate/proper-lockfile'),
          page('async-mutex', '/migrate/async-mutex'),
          page('execa', '/migrate/execa'),
        ],
      },
      {
        text: 'Run',
        items: [
          page('For administrators', '/administration'),
          page('On disk', '/on-disk'),
          page('Security', '/security'),
          page('Support and deprecation', '/support'),
          page('Performance', '/performance'),
          page('Tested on', '/tested-on'),
          page('Decisions', '/decisions'),
        ],
      },
      { text: 'Packages', items: readme() },
      { text: 'Reference', items: reference },
    ],
  },
});

function readme() {
  const folder = join(site, 'packages');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((file) => page(file.replace(/\.md$/, ''), `/packages/${file.replace(/\.md$/, '')}`));
}
