import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';

const site = join(import.meta.dirname, '.site');
const page = (text, link) => ({ text, link });
const sidebars = existsSync(join(site, '.vitepress/reference.json'))
  ? JSON.parse(readFileSync(join(site, '.vitepress/reference.json'), 'utf8'))
  : {};
const packages = Object.keys(sidebars).sort();
const { repository } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'project.json'), 'utf8'));

export default defineConfig({
  title: 'oslo-concurrency',
  description: 'Locks between tasks, threads, processes and machines; commands that always end',
  cleanUrls: true,
  lastUpdated: false,
  themeConfig: {
    search: {
      provider: 'local',
      // Many pages say `timeout`. The functions that most readers mean come first, and types and errors last.
      options: {
        miniSearch: {
          searchOptions: {
            boostDocument: (id) => {
              if (/\/reference\/lockutils\/lock\b/.test(id)) return 8;
              if (/\/reference\/processutils\/execute\b/.test(id)) return 6;
              if (/\/reference\/[\w-]+\/(types|errors|values|classes)\//.test(id)) return 0.5;
              return /\/reference\//.test(id) ? 1 : 1.5;
            },
          },
        },
      },
    },
    outline: 'deep',
    // Each page of the repository names itself when it is copied (build.mjs); the reference lies in the doc comments.
    editLink: { pattern: ({ frontmatter }) => frontmatter.edit, text: 'Edit this page' },
    socialLinks: [{ icon: 'github', link: repository, ariaLabel: 'The repository' }],
    nav: [
      page('Tutorial', '/tutorial'),
      page('Concepts', '/concepts/what-a-lock-promises'),
      page('Reference', '/reference/'),
    ],
    sidebar: {
      ...Object.fromEntries(
        packages.map((name) => [
          `/reference/${name}/`,
          [{ text: `@oslo-concurrency/${name}`, link: `/reference/${name}/`, items: sidebars[name] }],
        ]),
      ),
      '/': [
        { text: 'Start', items: [page('Tutorial', '/tutorial')] },
        {
          text: 'How to',
          items: [
            page('Run one at a time', '/how-to/run-one-at-a-time'),
            page('Run a cron job', '/how-to/run-a-cron-job'),
            page('Run one daemon', '/how-to/run-one-daemon'),
            page('Run migrations', '/how-to/run-migrations'),
            page('Share a build cache', '/how-to/share-a-build-cache'),
            page('Shut down gracefully', '/how-to/shut-down-gracefully'),
            page('Run in containers', '/how-to/run-in-containers'),
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
            page('redlock', '/migrate/redlock'),
            page('redis-semaphore', '/migrate/redis-semaphore'),
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
        { text: 'Reference', items: packages.map((name) => page(name, `/reference/${name}/`)) },
      ],
    },
  },
});

function readme() {
  const folder = join(site, 'packages');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((file) => page(file.replace(/\.md$/, ''), `/packages/${file.replace(/\.md$/, '')}`));
}
