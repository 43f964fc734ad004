import { realTime } from '@oslo-concurrency/core';
import type { CommandTree, PrivilegedSignal, SurvivingProcess } from './command-tree.js';
import type { ProcessEntry } from './process-table.js';
import { mayBeSignalled, sendSignal } from './send-signal.js';
import type { Look } from './shared-look.js';

// A killed process that is uninterruptible for this long, at every look, hangs; a moment of it is part of dying. Milliseconds
// in which this machine is calm: where looks are far apart, it is too busy to tell one from the other.
const hangingAfter = 65;

// No time between two looks counts for more than this many milliseconds of calm.
const calmStep = 10;

// After this many looks in a row that found no process and were disturbed, the group is hit as a whole.
const disturbedLooks = 5;

// Why nothing is known, when nothing was found.
const disturbedLook = 'processes ended at every look, and may have forked before';
const blindLook = 'the processes of this machine cannot be listed: one that left the group of the command is not seen';

/** Looks for the processes of a command and signals them; see `terminateTree` for why no process escapes. */
export class TreeHunt {
  readonly #tree: CommandTree;
  readonly #signalAsRoot: PrivilegedSignal | undefined;
  readonly #known = new Map<number, number>();
  readonly #asked = new Map<number, NodeJS.Signals>();
  readonly #killed = new Set<string>();
  /** Since when a process was found in an uninterruptible call, at every look. */
  readonly #hanging = new Map<string, number>();
  /** The calm of the machine since the hunt began, in ms; see `hangingAfter`. */
  #calm = 0;
  #lookedAt = realTime.now();
  readonly #refused = new Set<number>();
  #members: readonly ProcessEntry[] = [];
  #over = false;
  #groupIsOurs = false;
  #groupKilled = false;
  #zombiesInGroup = false;
  /** Why the last look, which found no process, does not prove that none is left. */
  #doubt: string | undefined;
  /** How many looks in a row found no process and were disturbed. */
  #disturbed = 0;

  constructor(tree: CommandTree, signalAsRoot: PrivilegedSignal | undefined) {
    this.#tree = tree;
    this.#signalAsRoot = signalAsRoot;
    if (tree.root !== undefined) this.#known.set(tree.root.pid, tree.root.start);
  }

  /**
   * Signals each member of a look that did not get this signal yet; SIGKILL is repeated. `done`: no process
   * is left, except those that an earlier SIGKILL has ended. `disturbed`: no process was found, but one that ended during
   * the look may have left a child, so only another look can tell.
   *
   * The look has to be younger than what was signalled before, or it would prove nothing.
   */
  signalMembers(signal: NodeJS.Signals, look: Look): 'done' | 'disturbed' | 'more' {
    const disturbed = this.#lookAt(look);
    const refused: number[] = [];
    const left = this.#left();
    if (this.#groupIsOurs && this.#tree.root !== undefined && signal === 'SIGKILL') {
      if (sendSignal(-this.#tree.root.pid, signal) === 'sent') this.#groupKilled = true;
    }
    for (const entry of this.#members) {
      const { pid } = entry;
      const before = this.#asked.get(pid);
      if (signal !== 'SIGKILL' && before !== undefined) continue;
      const sent = sendSignal(pid, signal, entry.start);
      if (sent === 'refused') {
        this.#refused.add(pid);
        if (before !== signal) refused.push(pid);
      }
      if (sent === 'sent' && signal !== 'SIGKILL') sendSignal(pid, 'SIGCONT', entry.start);
      if (sent !== 'refused' && signal === 'SIGKILL') this.#killed.add(keyOf(entry));
      this.#asked.set(pid, signal);
    }
    if (refused.length > 0) void this.#signalAsRoot?.(refused, signal);
    // A process that was missed may be beside those that cannot be ended too.
    this.#over = left.every((entry) => this.#isUnendable(entry)) && !disturbed;
    if (left.length > 0) return 'more';
    return disturbed ? 'disturbed' : 'done';
  }

  /** Whether the last look found no process that could still be ended, and missed none. */
  get isOver(): boolean {
    return this.#over;
  }

  /** The members of the last look, but for the dead; and that there may be more, if that look does not exclude it. */
  survivors(): SurvivingProcess[] {
    const left = this.#left();
    const named = left.map((entry) => {
      const running = this.#hangs(entry) ? 'hangs in the kernel' : 'still running';
      return { pid: entry.pid, name: entry.name, reason: this.#refused.has(entry.pid) ? 'not permitted' : running };
    });
    // While there is a process to end, a look is not completed, and says nothing about others.
    if (this.#doubt === undefined || left.some((entry) => !this.#isUnendable(entry))) return named;
    return [...named, { pid: 0, name: 'unknown', reason: this.#doubt }];
  }

  /**
   * The processes that are left. One that has been sent SIGKILL is not: it executes no instruction of its program any more, even
   * if a busy machine takes its time to clear it away; unless it hangs in the kernel, look after look.
   */
  #left(): ProcessEntry[] {
    return this.#members.filter((entry) => this.#hangs(entry) || !this.#killed.has(keyOf(entry)));
  }

  /** Whether no signal of ours ends the process: this user may not signal it, or it hangs in the kernel. */
  #isUnendable(entry: ProcessEntry): boolean {
    return this.#refused.has(entry.pid) || this.#hangs(entry);
  }

  #hangs(entry: ProcessEntry): boolean {
    const since = this.#hanging.get(keyOf(entry));
    return since !== undefined && this.#calm - since > hangingAfter;
  }

  /** Returns whether the look was disturbed: a process that it did not find may still be there. */
  #lookAt(look: Look): boolean {
    const now = realTime.now();
    this.#calm += Math.min(now - this.#lookedAt, calmStep);
    this.#lookedAt = now;
    const disturbed = look.blind ? this.#lookBlindly() : this.#lookAmong(look);
    this.#doubt = look.blind ? blindLook : disturbed ? disturbedLook : undefined;
    const none = this.#members.length === 0;
    if (none && !disturbed) this.#groupIsOurs = false;
    this.#disturbed = none && disturbed ? this.#disturbed + 1 : 0;
    if (this.#disturbed === 0 || this.#disturbed % disturbedLooks !== 0) return disturbed;
    // Processes that live for less than a look takes: the group can still be hit as a whole, unless it was already,
    // after which all in it are dead, or all that is left in it are zombies.
    if (this.#groupIsOurs && !this.#groupKilled && !this.#zombiesInGroup) this.#lookBlindly();
    return true;
  }

  /** Finds the members in a look; returns whether a process that lives may be missing in it. */
  #lookAmong(look: Look): boolean {
    const { root, ownGroup, mark } = this.#tree;
    const since = root?.start ?? 0;
    // First of all, since it completes the look.
    const marked = mark === undefined ? undefined : look.carriersOf(mark, since, (entry) => this.#isToBeEnded(entry));
    // No process of the command is older than the command. The machine's first process, this process and its parent cannot
    // be of it, whatever a table says that was read while they changed.
    const members = new Set<ProcessEntry>();
    const join = (entry: ProcessEntry): void => {
      if (entry.start >= since && mayBeSignalled(entry.pid)) members.add(entry);
    };
    // The root has ended, and its number is another process's: so is the group of that number, should it have one.
    if (root !== undefined && (look.process(root.pid)?.start ?? 0) > since) this.#groupIsOurs = false;
    const group = root === undefined ? [] : look.inGroup(root.pid);
    this.#zombiesInGroup = group.some(({ zombie }) => zombie);
    for (const [pid, start] of this.#known) {
      const entry = look.process(pid);
      if (entry?.start === start) join(entry);
    }
    marked?.found.forEach(join);
    // Once ours it stays ours until it is seen empty: no other group can have its number before.
    if (ownGroup && [...members].some((entry) => entry.group === root?.pid)) this.#groupIsOurs = true;
    const sessionIsOurs = ownGroup && [...members].some(({ session }) => session === root?.pid);
    if (this.#groupIsOurs) group.forEach(join);
    if (sessionIsOurs && root !== undefined) look.inSession(root.pid).forEach(join);
    // A set hands out what is added while it is gone through: the children of children too.
    for (const { pid } of members) look.childrenOf(pid).forEach(join);
    for (const { pid, start } of members) this.#known.set(pid, start);
    this.#members = [...members].filter(({ zombie }) => !zombie).sort((a, b) => a.start - b.start);
    for (const entry of this.#members) {
      if (!entry.uninterruptible) this.#hanging.delete(keyOf(entry));
      else if (!this.#hanging.has(keyOf(entry))) this.#hanging.set(keyOf(entry), this.#calm);
    }
    return marked?.disturbed === true;
  }

  #isToBeEnded(entry: ProcessEntry): boolean {
    return !entry.zombie && !this.#killed.has(keyOf(entry)) && !this.#isUnendable(entry);
  }

  /** Where the system shows no processes (no /proc, Windows): the root, and the group by its number. */
  #lookBlindly(): boolean {
    const { root, ownGroup } = this.#tree;
    if (root === undefined) return false;
    const alive = sendSignal(ownGroup ? -root.pid : root.pid, 0) !== 'gone';
    this.#groupIsOurs = ownGroup && alive;
    const { pid, start } = root;
    const where = { pid: ownGroup ? -pid : pid, parent: 0, group: pid, session: pid };
    this.#members = alive ? [{ ...where, start, zombie: false, uninterruptible: false, name: '?' }] : [];
    return false;
  }
}

function keyOf({ pid, start }: ProcessEntry): string {
  return `${pid} ${start}`;
}
