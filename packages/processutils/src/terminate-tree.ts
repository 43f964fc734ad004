import { setTimeout as pause } from 'node:timers/promises';
import { carriesMark } from './command-mark.js';
import { listProcesses, type ProcessEntry } from './process-table.js';

/** A process of a command that could not be ended. */
export interface SurvivingProcess {
  readonly pid: number;
  /** The kernel's name of it, at most 15 characters. */
  readonly name: string;
  /** Why: `not permitted`, `hangs in the kernel` or `still running`. */
  readonly reason: string;
}

/** The processes of one command: how to recognise them. */
export interface CommandTree {
  /** The process that was started; absent while it is being started. */
  readonly root?: { readonly pid: number; readonly start: number };
  /** Whether the root leads a session and process group of its own. */
  readonly ownGroup: boolean;
  /** The id of the mark they carry, when they were given one. */
  readonly mark: string | undefined;
}

/** How a tree was ended. */
export interface Ending {
  /** The last signal that was needed. */
  readonly endedBy: 'SIGTERM' | 'SIGKILL';
  readonly remaining: readonly SurvivingProcess[];
}

type EndingSignal = 'SIGTERM' | 'SIGKILL';

/** Signals processes that this user may not signal; `sudo kill`, in effect. */
export type PrivilegedSignal = (pids: readonly number[], signal: EndingSignal) => Promise<void>;

// G23 allows 200 ms after the grace; this much of them goes into killing, the rest into closing pipes.
const killingTime = 130;

/**
 * Ends all processes of a command: SIGTERM, after `grace` ms SIGKILL, repeated until none is left or 130 ms have passed.
 *
 * Why nobody escapes who could be found, and nobody else is hit:
 * - A member is the root, whoever is in the root's session or group, whoever carries the mark, whoever has a member as
 *   parent, and whoever was a member when last looked. One that forks between two looks leaves a child that is a
 *   member by the same rules, so looking again finds it; a look that finds none ends the hunt.
 * - Killing a whole group is one step for the kernel, a fork in progress included, so a fork bomb inside it cannot
 *   outrun it. Those that left the group are killed one by one, the oldest first, lest a parent replace its children.
 * - A stopped process gets SIGTERM only when continued, so SIGCONT follows it. SIGKILL needs none.
 * - Members are known by pid and start time, compared in the same turn in which they are signalled, so a reused pid is
 *   nobody's. A group's number cannot be reused while somebody is in it: the group is ours from when a member by
 *   another rule is seen in it (the root at first, which is not waited for yet) until it is seen empty.
 * Should this process die half-way, what was not signalled yet lives on, unless `killOnParentExit` watches it too.
 */
export async function terminateTree(
  tree: CommandTree,
  grace: number,
  signalAsRoot: PrivilegedSignal | undefined,
): Promise<Ending> {
  const hunt = new TreeHunt(tree, signalAsRoot);
  const graceEnds = performance.now() + grace;
  for (let wait = 5; ; wait = Math.min(wait * 2, 100)) {
    const looked = performance.now();
    if (hunt.signalMembers('SIGTERM') === 'done') return { endedBy: 'SIGTERM', remaining: [] };
    const now = performance.now();
    if (now >= graceEnds) break;
    // On a machine with very many processes a look takes long; it shall not take more than a fifth of the time.
    await pause(Math.min(Math.max(wait, (now - looked) * 4), graceEnds - now));
  }
  const killingEnds = performance.now() + killingTime;
  while (hunt.signalMembers('SIGKILL') === 'more' && performance.now() < killingEnds) await pause(3);
  return { endedBy: 'SIGKILL', remaining: hunt.survivors() };
}

// How often a look that found nobody is repeated because some process ended meanwhile, maybe after a fork.
const repeatedLooks = 5;

class TreeHunt {
  readonly #tree: CommandTree;
  readonly #signalAsRoot: PrivilegedSignal | undefined;
  readonly #known = new Map<number, number>();
  readonly #asked = new Map<number, EndingSignal>();
  readonly #killed = new Set<string>();
  readonly #refused = new Set<number>();
  #members: readonly ProcessEntry[] = [];
  #groupIsOurs = false;
  #groupKilled = false;
  #zombiesInGroup = false;

  constructor(tree: CommandTree, signalAsRoot: PrivilegedSignal | undefined) {
    this.#tree = tree;
    this.#signalAsRoot = signalAsRoot;
    if (tree.root !== undefined) this.#known.set(tree.root.pid, tree.root.start);
  }

  /**
   * Looks for members and signals each that did not get this signal yet; SIGKILL is repeated. Says whether that was all:
   * nobody is left, or nobody but those whom an earlier SIGKILL has ended.
   */
  signalMembers(signal: EndingSignal): 'done' | 'more' {
    this.#look();
    const refused: number[] = [];
    const left = this.#left();
    if (this.#groupIsOurs && this.#tree.root !== undefined && signal === 'SIGKILL') {
      this.#groupKilled = send(-this.#tree.root.pid, signal) === 'sent';
    }
    for (const { pid, start } of this.#members) {
      const before = this.#asked.get(pid);
      if (signal === 'SIGTERM' && before !== undefined) continue;
      const sent = send(pid, signal);
      if (sent === 'refused') {
        this.#refused.add(pid);
        if (before !== signal) refused.push(pid);
      }
      if (sent === 'sent' && signal === 'SIGTERM') send(pid, 'SIGCONT');
      if (sent !== 'refused' && signal === 'SIGKILL') this.#killed.add(`${pid} ${start}`);
      this.#asked.set(pid, signal);
    }
    if (refused.length > 0) void this.#signalAsRoot?.(refused, signal);
    return left.length === 0 ? 'done' : 'more';
  }

  /** The members of the last look, but for the dead. */
  survivors(): SurvivingProcess[] {
    return this.#left().map(({ pid, name, uninterruptible }) => {
      const running = uninterruptible ? 'hangs in the kernel' : 'still running';
      return { pid, name, reason: this.#refused.has(pid) ? 'not permitted' : running };
    });
  }

  /**
   * Who is left. A process that has been sent SIGKILL is not: it executes no instruction of its program any more, even
   * if a busy machine takes its time to clear it away; unless it hangs in the kernel, where nobody can tell.
   */
  #left(): ProcessEntry[] {
    return this.#members.filter(({ pid, start, uninterruptible }) => {
      return uninterruptible || !this.#killed.has(`${pid} ${start}`);
    });
  }

  #look(): void {
    for (let looks = 0; looks < repeatedLooks; looks += 1) {
      const table = listProcesses();
      const disturbed = table.entries.length === 0 ? this.#lookBlindly() : this.#lookAmong(table.entries);
      if (this.#members.length > 0) return;
      if (!table.disturbed && !disturbed) {
        this.#groupIsOurs = false;
        return;
      }
    }
    // Processes that live for less than a look takes: the group can still be hit as a whole, unless it was already,
    // after which all in it are dead, or all that is left in it are zombies.
    if (this.#groupIsOurs && !this.#groupKilled && !this.#zombiesInGroup) this.#lookBlindly();
  }

  /** Finds the members among all processes; says whether one ended before it could be asked for its mark. */
  #lookAmong(entries: readonly ProcessEntry[]): boolean {
    const { root, ownGroup, mark } = this.#tree;
    const since = root?.start ?? 0;
    // Nobody of the command is older than the command.
    const candidates = entries.filter(({ pid, start }) => start >= since && pid !== process.pid);
    const members = new Set<ProcessEntry>();
    const pids = new Set<number>();
    const join = (entry: ProcessEntry): void => {
      members.add(entry);
      pids.add(entry.pid);
    };
    this.#zombiesInGroup = candidates.some(({ group, zombie }) => zombie && group === root?.pid);
    let disturbed = false;
    for (const entry of candidates) {
      const marked =
        this.#known.get(entry.pid) === entry.start || (mark === undefined ? false : carriesMark(entry.pid, mark));
      if (marked === undefined) disturbed = true;
      if (marked === true) join(entry);
    }
    // Once ours it stays ours until it is seen empty: nobody else can have its number before.
    if (ownGroup && [...members].some(({ group }) => group === root?.pid)) this.#groupIsOurs = true;
    const sessionIsOurs = ownGroup && [...members].some(({ session }) => session === root?.pid);
    for (let before = -1; before !== members.size; ) {
      before = members.size;
      for (const entry of candidates) {
        const inGroup = this.#groupIsOurs && entry.group === root?.pid;
        const inSession = sessionIsOurs && entry.session === root?.pid;
        if (inGroup || inSession || pids.has(entry.parent)) join(entry);
      }
    }
    for (const { pid, start } of members) this.#known.set(pid, start);
    this.#members = [...members].filter(({ zombie }) => !zombie).sort((a, b) => a.start - b.start);
    return disturbed;
  }

  /** Where the system shows no processes (no /proc, Windows): the root, and the group by its number. */
  #lookBlindly(): boolean {
    const { root, ownGroup } = this.#tree;
    if (root === undefined) return false;
    const alive = send(ownGroup ? -root.pid : root.pid, 0) !== 'gone';
    this.#groupIsOurs = ownGroup && alive;
    const { pid, start } = root;
    const where = { pid: ownGroup ? -pid : pid, parent: 0, group: pid, session: pid };
    this.#members = alive ? [{ ...where, start, zombie: false, uninterruptible: false, name: '?' }] : [];
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals | 0): 'sent' | 'gone' | 'refused' {
  try {
    process.kill(pid, signal);
    return 'sent';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'refused' : 'gone';
  }
}
