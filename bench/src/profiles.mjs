import { shown } from './labels.mjs';

// The tables that stand beside the causes of missed goals, from the figures of the run. Without these figures, as in a run
// of one benchmark, there is no table.

/** What a lock of ours is made of; with `waiters`, a grant while that number of tasks wait. */
export function partsTable(run, { subject, ...more }) {
  const us = (part) => run.value('locks.parts.us', subject, { ...more, part })?.median;
  const all = us('all');
  if (all === undefined) return undefined;
  const kinds = run
    .partsOf('locks.parts.calls', subject, more)
    .map((part) => ({ part, calls: run.value('locks.parts.calls', subject, { ...more, part }).median }))
    .filter(({ calls }) => calls >= 0.1)
    .sort((a, b) => us(b.part) - us(a.part));
  const row = (name, calls, value) => [name, calls, shown(value), `${Math.round((value / all) * 100)} %`];
  const name =
    more.waiters === undefined ? `${subject}: a lock` : `${subject}, ${more.waiters} tasks that wait: a grant`;
  return table(
    [name, 'calls', 'us', 'part'],
    [
      ...kinds.map(({ part, calls }) => row(`\`${part}\`, alone in a loop`, shown(calls), us(part))),
      row('all system calls in their order, in a loop', '', us('all system calls')),
      row('JavaScript: the rest', '', us('JavaScript')),
      row('all', '', all),
    ],
  );
}

/** What a hand-over between two processes is made of, beside a bare wake. */
export function handOverTable(run) {
  const parts = run.partsOf('locks.handover.parts', 'ours', {}).filter((part) => part !== 'a pwrite');
  if (parts.length === 0) return undefined;
  const us = (subject, part) => {
    const found = run.value('locks.handover.parts', subject, { part });
    return found === undefined ? '' : shown(found.median);
  };
  const wake = run.value('locks.handover.alone', 'wake');
  const rows = parts.map((part) => [part, us('ours', part), us('ours fair', part)]);
  const bare = wake === undefined ? [] : [['(a bare wake)', shown(wake.median * 1000), '']];
  return table(['a hand-over, us', 'ours', 'ours fair'], [...rows, ...bare]);
}

/** What the time of a contended lock went to. */
export function contendedTable(run, cell, subjects) {
  const value = (id, subject, part) => run.value(`locks.contended.${id}`, subject, { ...cell, part })?.median;
  const rows = subjects
    .filter((subject) => value('time', subject, 'held') !== undefined)
    .map((subject) => {
      const told = (id, part, unit) => {
        const found = value(id, subject, part);
        return found === undefined ? '' : `${shown(found)}${unit}`;
      };
      return [
        subject,
        told('time', 'held', ' %'),
        told('time', 'free until the same process', ' %'),
        told('gap', 'to the same process', ''),
        told('time', 'free until another process', ' %'),
        told('gap', 'to another process', ''),
        told('changes', 'to another process', ''),
      ];
    });
  if (rows.length === 0) return undefined;
  const { processes, holdMs } = cell;
  const what = `${processes} processes, hold ${holdMs} ms`;
  const free = ['free until the same process', 'us each', 'free until another process', 'us each', 'of these a second'];
  return table([what, 'held', ...free], rows);
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
