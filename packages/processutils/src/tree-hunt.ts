import { carriesMark } from './command-mark.js';
import { listProcesses, type ProcessEntry } from './process-table.js';
import { mayBeSignalled, sendSignal } from './send-signal.js';
import { withSpareDescriptor } from './spare-descriptors.js';

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
  /** What asks them to end, before SIGKILL; SIGTERM when absent. */
  readonly killSignal?: NodeJS.Signals;
}

/** How a tree was ended. */
export interface Ending {
  /** The last signal that was needed. */
  readonly endedBy: NodeJS.Signals;
  readonly remaining: readonly SurvivingProcess[];
}

/** Signals processes that this user may not signal; `sudo kill`, in effect. */
export type PrivilegedSignal = (pids: readonly number[], signal: NodeJS.Signals) => Promise<void>;

// A killed process that is uninterruptible for so long, at every look, hangs; a moment of it is part of dying.
const hangingAfter = 65;

// How often a look that found nobody is repeated because some process ended meanwhile, maybe after a fork.
const repeatedLooks = 5;

/** Looks for the processes of a command and signals them; see `terminateTree` for why nobody escapes. */
export class TreeHunt {
  readonly #tree: CommandTree;
  readonly #signalAsRoot: PrivilegedSignal | undefined;
  readonly #known = new Map<number, number>();
  readonly #asked = new Map<number, NodeJS.Signals>();
  readonly #killed = new Set<string>();
  /** Since when a process was found in an uninterruptible call, at every look. */
  readonly #hanging = new Map<string, number>();
  readonly #refused = new Set<number>();
  #members: readonly ProcessEntry[] = [];
  #over = false;
  #groupIsOurs = false;
  #groupKilled = false;
  #zombiesInGroup = false;
  // A look has to be younger than the last one and what was signalled after it, or it would prove nothing.
  #lookedAt = performance.now() - 5;

  constructor(tree: CommandTree, signalAsRoot: PrivilegedSignal | undefined) {
    this.#tree = tree;
    this.#signalAsRoot = signalAsRoot;
    if (tree.root !== undefined) this.#known.set(tree.root.pid, tree.root.start);
  }

  /**
   * Looks for members and signals each that did not get this signal yet; SIGKILL is repeated. Says whether that was all:
   * nobody is left, or nobody but those whom an earlier SIGKILL has ended.
   */
  signalMembers(signal: NodeJS.Signals): 'done' | 'more' {
    withSpareDescriptor(() => this.#look());
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
    this.#over = left.every((entry) => this.#refused.has(entry.pid) || this.#hangs(entry));
    return left.length === 0 ? 'done' : 'more';
  }

  /** Whether the last look found nobody who could still be ended. */
  get isOver(): boolean {
    return this.#over;
  }

  /** The members of the last look, but for the dead. */
  survivors(): SurvivingProcess[] {
    return this.#left().map((entry) => {
      const running = this.#hangs(entry) ? 'hangs in the kernel' : 'still running';
      return { pid: entry.pid, name: entry.name, reason: this.#refused.has(entry.pid) ? 'not permitted' : running };
    });
  }

  /**
   * Who is left. A process that has been sent SIGKILL is not: it executes no instruction of its program any more, even
   * if a busy machine takes its time to clear it away; unless it hangs in the kernel, look after look.
   */
  #left(): ProcessEntry[] {
    return this.#members.filter((entry) => this.#hangs(entry) || !this.#killed.has(keyOf(entry)));
  }

  #hangs(entry: ProcessEntry): boolean {
    const since = this.#hanging.get(keyOf(entry));
    return since !== undefined && performance.now() - since > hangingAfter;
  }

  #look(): void {
    for (let looks = 0; looks < repeatedLooks; looks += 1) {
      const table = listProcesses(this.#lookedAt);
      this.#lookedAt = performance.now();
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
    // Nobody of the command is older than the command. The machine's first process and those that called for the command
    // cannot be of it, whatever a table says that was read while they changed.
    const candidates = entries.filter(({ pid, start }) => start >= since && mayBeSignalled(pid));
    // The root has ended, and its number is somebody else's: so is the group of that number, should it have one.
    if (candidates.some(({ pid, start }) => pid === root?.pid && start > since)) this.#groupIsOurs = false;
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
        this.#known.get(entry.pid) === entry.start || (mark === undefined ? false : carriesMark(entry, mark));
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
    for (const entry of this.#members) {
      if (!entry.uninterruptible) this.#hanging.delete(keyOf(entry));
      else if (!this.#hanging.has(keyOf(entry))) this.#hanging.set(keyOf(entry), performance.now());
    }
    return disturbed;
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
