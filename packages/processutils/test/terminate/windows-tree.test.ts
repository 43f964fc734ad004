import { expect, test } from 'vitest';
import { parseWindowsTable, type WindowsProcess } from '../../build/terminate/windows-table.js';
import { endWindowsTree, type WindowsCalls } from '../../build/terminate/windows-tree.js';

// The real calls run under Wine, see tools/wine. Here the tables are those that Windows could give.

const root = { pid: 100_000, start: 5000, startedBy: 6000 };
const tree = { root, ownGroup: false, mark: undefined };
const entry = (pid: number, parent: number, start?: number): WindowsProcess => ({
  pid,
  parent,
  start,
  name: 'some.exe',
});

/** Gives one table after the other, and the last again and again; notes what is ended. */
function system(tables: (readonly WindowsProcess[] | undefined)[], end: WindowsCalls['end'] = () => 'sent') {
  const ended: number[] = [];
  const calls: WindowsCalls = {
    endTree: async () => {},
    list: async () => (tables.length > 1 ? tables.shift() : tables[0]),
    end(pid) {
      ended.push(pid);
      return end(pid);
    },
  };
  return { calls, ended };
}

test('G23 on Windows a command has ended when a look finds none of its processes, and not before', async () => {
  const child = entry(100_001, root.pid, 6500);
  const grandchild = entry(100_002, child.pid, 6600);
  // The child ends first; the one that it started is known by then.
  const { calls, ended } = system([[entry(root.pid, 1, 5500), child, grandchild], [grandchild], []]);
  expect(await endWindowsTree(tree, calls)).toEqual({ endedBy: 'SIGKILL', remaining: [] });
  expect(ended).toEqual([root.pid, root.pid, child.pid, grandchild.pid, grandchild.pid]);
});

test('G23 on Windows the processes of a root that has ended are found by its number', async () => {
  const { calls, ended } = system([[entry(100_001, root.pid, 6500), entry(100_002, 100_001, 6600)], []]);
  await endWindowsTree(tree, calls);
  expect(ended).toEqual([root.pid, 100_001, 100_002]);
});

test('G23 on Windows a look that finds a process born after the last one is not the last', async () => {
  const born = entry(100_003, 100_001, 7000);
  const { calls, ended } = system([[entry(100_001, root.pid, 6500)], [born], []]);
  await endWindowsTree(tree, calls);
  expect(ended).toEqual([root.pid, 100_001, 100_003]);
});

test('G23 on Windows no process is ended that has the number of one of the command, or was started by one that has', async () => {
  const older = entry(100_001, root.pid, 3000);
  const other = entry(root.pid, 4, 9000);
  const ofOther = entry(100_002, root.pid, 9500);
  const ours = entry(100_003, root.pid, 6500);
  const { calls, ended } = system([
    [older, other, ofOther, ours],
    [older, other, ofOther, entry(100_003, 4, 9900)],
  ]);
  expect((await endWindowsTree(tree, calls)).remaining).toEqual([]);
  // Before the first look the number is the root's: this process has not been told of its end.
  expect(ended).toEqual([root.pid, 100_003]);
});

test('G23 on Windows this process is never ended', async () => {
  const { calls, ended } = system([[entry(process.pid, root.pid), entry(process.ppid, root.pid)]]);
  expect((await endWindowsTree(tree, calls)).remaining).toEqual([]);
  expect(ended).toEqual([root.pid]);
});

test('G23 on Windows the error names what cannot be ended', async () => {
  const { calls } = system([[entry(100_001, root.pid, 6500)]], () => 'refused');
  const reason = 'not permitted';
  expect((await endWindowsTree(tree, calls)).remaining).toEqual([{ pid: 100_001, name: 'some.exe', reason }]);
});

test('G23 on Windows it is not known what remains where the processes cannot be listed', async () => {
  const { calls, ended } = system([undefined]);
  const { remaining } = await endWindowsTree(tree, calls);
  expect(remaining).toMatchObject([{ pid: 0, name: 'unknown' }]);
  expect(ended).toEqual([root.pid]);
});

test('the table of PowerShell is read with start times', () => {
  expect(
    parseWindowsTable('1795900000123 4 372 smss.exe\r\n- 0 4 System\r\n1795900000999 372 512 a b 7.exe\r\n'),
  ).toEqual([
    { pid: 372, parent: 4, start: 1795900000123, name: 'smss.exe' },
    { pid: 4, parent: 0, start: undefined, name: 'System' },
    { pid: 512, parent: 372, start: 1795900000999, name: 'a b 7.exe' },
  ]);
});

test('the table of wmic is read, with names of several words', () => {
  const text =
    'Name            ParentProcessId  ProcessId  \r\r\nservices.exe    40               56         \r\r\na 1 b.exe  5  9\r\r\n\r\r\n';
  expect(parseWindowsTable(text)).toEqual([
    { pid: 56, parent: 40, start: undefined, name: 'services.exe' },
    { pid: 9, parent: 5, start: undefined, name: 'a 1 b.exe' },
  ]);
});
