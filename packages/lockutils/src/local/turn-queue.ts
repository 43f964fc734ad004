import { nothing } from '../steps.js';

/** How a turn asks for the lock. `permits: n` admits it together with fewer than n other turns that count permits. */
export interface TurnMode {
  readonly shared: boolean;
  readonly permits: number | undefined;
}

/** A turn that was granted or waits. It is also the node of the list of held turns, or of the queue. */
export interface Turn {
  shared: boolean;
  readonly permits: number | undefined;
  /** The call that the turn belongs to, for diagnosis only. */
  readonly owner: object | undefined;
  /** The call that waits for the turn, so that a holder can see what is asked for next. */
  readonly call: object | undefined;
  /** Called once at the grant, if the turn had to wait. */
  readonly granted: () => void;
  state: 'waiting' | 'held' | 'gone';
  next: Turn | undefined;
  previous: Turn | undefined;
}

/**
 * First come, first served within this process: exclusive, shared and counted turns of one key.
 *
 * A newcomer is granted at once only if no turn waits, so a stream of readers cannot pass a waiting writer. All steps
 * are O(1) (a grant of k readers is O(k)) and synchronous: between two steps at most one exclusive turn is held, and
 * never together with another turn. With `preferWriters`, a waiting writer comes before all waiting readers.
 */
export class TurnQueue {
  // The held turns are a list, not a set: creating and filling a set costs as much as the rest of a grant.
  #firstHeld: Turn | undefined;
  #lastHeld: Turn | undefined;
  #holders = 0;
  #first: Turn | undefined;
  #last: Turn | undefined;
  #waiting = 0;
  #exclusive = 0;
  #counted = 0;
  #upgrader: { readonly turn: Turn; readonly granted: () => void } | undefined;
  readonly #preferWriters: boolean;

  constructor(preferWriters = false) {
    this.#preferWriters = preferWriters;
  }

  /** The number of waiting turns. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The call of the turn that waits first, if it gave one. */
  get nextCall(): object | undefined {
    return this.#first?.call;
  }

  /** Whether no turn is held or waits. */
  get idle(): boolean {
    return this.#holders === 0 && this.#first === undefined;
  }

  /** The held turns, then the waiting turns in order. */
  *turns(): IterableIterator<Turn> {
    for (let turn = this.#firstHeld; turn !== undefined; turn = turn.next) yield turn;
    for (let turn = this.#first; turn !== undefined; turn = turn.next) yield turn;
  }

  /** Whether a turn of this mode would be granted at once. */
  admits(mode: TurnMode): boolean {
    return this.#first === undefined && this.#fits(mode);
  }

  /** Adds a turn if it is granted at once. */
  take(mode: TurnMode, owner: object | undefined): Turn | undefined {
    return this.admits(mode) ? this.join(mode, owner, nothing) : undefined;
  }

  /** Adds a turn: it is granted at once if it is admitted, otherwise it joins the queue. `state` shows which. */
  join(mode: TurnMode, owner: object | undefined, granted: () => void, call?: object): Turn {
    const { shared, permits } = mode;
    const turn: Turn = {
      shared,
      permits,
      owner,
      call,
      granted,
      state: 'waiting',
      next: undefined,
      previous: undefined,
    };
    if (this.admits(mode)) this.#hold(turn);
    else this.#insert(turn);
    return turn;
  }

  /** Removes a turn, held or waiting. Does nothing if it has already left. */
  leave(turn: Turn): void {
    if (turn.state === 'gone') return;
    if (turn.state === 'waiting') {
      this.#unlink(turn);
    } else {
      this.#drop(turn);
      if (turn.permits !== undefined) this.#counted -= 1;
      else if (!turn.shared) this.#exclusive -= 1;
    }
    turn.state = 'gone';
    if (this.#upgrader?.turn === turn) this.#upgrader = undefined;
    const { granted } = this.#upgrader ?? {};
    if (granted !== undefined && this.#finishUpgrade()) granted();
    // Also after a waiter left: the turns behind it may be compatible with the holders although it was not.
    this.#grantNext();
  }

  /** Turns the exclusive `turn` into a shared one in place, and admits waiting readers. */
  downgrade(turn: Turn): void {
    if (turn.state !== 'held' || turn.shared || turn.permits !== undefined) return;
    this.#exclusive -= 1;
    turn.shared = true;
    this.#grantNext();
  }

  /**
   * Turns the shared `turn` into the exclusive one: at once if it is the only one held, otherwise when it becomes the
   * only one; then it calls `granted`. It passes all waiters, and no turn is admitted in the meantime. `conflict`:
   * another turn already waits to upgrade, and each would wait for the other.
   */
  upgrade(turn: Turn, granted: () => void): 'now' | 'later' | 'conflict' {
    if (this.#upgrader !== undefined) return 'conflict';
    this.#upgrader = { turn, granted };
    return this.#finishUpgrade() ? 'now' : 'later';
  }

  /** Stops waiting to upgrade. The turn stays shared. */
  cancelUpgrade(turn: Turn): void {
    if (this.#upgrader?.turn !== turn) return;
    this.#upgrader = undefined;
    this.#grantNext();
  }

  #finishUpgrade(): boolean {
    if (this.#upgrader === undefined || this.#holders > 1) return false;
    this.#upgrader.turn.shared = false;
    this.#upgrader = undefined;
    this.#exclusive += 1;
    return true;
  }

  #fits(mode: TurnMode): boolean {
    if (this.#upgrader !== undefined) return false;
    if (mode.permits !== undefined) return this.#exclusive === 0 && this.#counted < mode.permits;
    return mode.shared ? this.#exclusive === 0 : this.#holders === 0;
  }

  #hold(turn: Turn): void {
    turn.state = 'held';
    turn.previous = this.#lastHeld;
    if (this.#lastHeld === undefined) this.#firstHeld = turn;
    else this.#lastHeld.next = turn;
    this.#lastHeld = turn;
    this.#holders += 1;
    if (turn.permits !== undefined) this.#counted += 1;
    else if (!turn.shared) this.#exclusive += 1;
  }

  #drop(turn: Turn): void {
    if (turn.previous === undefined) this.#firstHeld = turn.next;
    else turn.previous.next = turn.next;
    if (turn.next === undefined) this.#lastHeld = turn.previous;
    else turn.next.previous = turn.previous;
    turn.next = undefined;
    turn.previous = undefined;
    this.#holders -= 1;
  }

  #grantNext(): void {
    while (this.#first !== undefined && this.#fits(this.#first)) {
      const turn = this.#first;
      this.#unlink(turn);
      this.#hold(turn);
      turn.granted();
    }
  }

  #insert(turn: Turn): void {
    let before = this.#last;
    if (this.#preferWriters && !turn.shared) while (before?.shared) before = before.previous;
    const after = before === undefined ? this.#first : before.next;
    turn.previous = before;
    turn.next = after;
    if (before === undefined) this.#first = turn;
    else before.next = turn;
    if (after === undefined) this.#last = turn;
    else after.previous = turn;
    this.#waiting += 1;
  }

  #unlink(turn: Turn): void {
    if (turn.previous === undefined) this.#first = turn.next;
    else turn.previous.next = turn.next;
    if (turn.next === undefined) this.#last = turn.previous;
    else turn.next.previous = turn.previous;
    turn.next = undefined;
    turn.previous = undefined;
    this.#waiting -= 1;
  }
}
