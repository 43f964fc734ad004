import { availableParallelism } from 'node:os';
import { Contestant } from '../contestant.mjs';
import { sum } from '../statistics.mjs';
import { untilSteady } from '../steady.mjs';
import { subjects } from '../subjects.mjs';

// With more, each would hold too seldom to be compiled in the time of a warm-up; with fewer, nobody waits in a queue.
const groupSize = 4;
const atMostMs = 700;

/** Processes of each program that want one lock together. They stay for all cells, so what was compiled stays too. */
export class Pool {
  #context;
  #members = new Map();

  constructor(context) {
    this.#context = context;
  }

  /** All processes that take part, from the same moment on, for `ms`; what each tells. */
  async contend(subject, processes, request) {
    return await this.#together(subject, this.#of(subject, processes), request);
  }

  /** Starts the first `processes`, and lets each acquire one lock: it has loaded its library then, and is not warm. */
  async start(subject, processes) {
    await this.#first(subject, this.#of(subject, processes));
  }

  /**
   * Makes those of the first `processes` ready that have not run `subject` yet. Each takes a lock alone until it gets no
   * faster; then groups of four want a lock each, until they get no faster. What is still missing then, all together do.
   */
  async warm(subject, processes) {
    const fresh = this.#of(subject, processes).filter(({ ready }) => !ready.has(subject));
    const directory = this.#context.folder(subject);
    await this.#first(subject, fresh);
    const cores = availableParallelism();
    for (const some of chunks(fresh, cores)) {
      const alone = ({ ask, index }) =>
        ask('warm', { subject, directory, name: `alone-${index}`, way: 'take', atMostMs });
      await Promise.all(some.map(alone));
    }
    const groups = chunks(fresh, groupSize).filter(({ length }) => length > 1);
    for (const some of chunks(groups, cores)) {
      const sample = async () => {
        const request = (group) => ({ name: `group-${group[0].index}`, ms: 250, holdMs: 0 });
        const each = await Promise.all(some.map((group) => this.#together(subject, group, request(group))));
        return sum(each.flat().map(({ grants }) => grants));
      };
      await untilSteady(sample, { better: 'more', patience: 2, most: 10 });
    }
    for (const { ready } of fresh) ready.add(subject);
  }

  async close() {
    await Promise.all([...this.#members.values()].flat().map(({ contestant }) => contestant.kill()));
  }

  #of(subject, processes) {
    const { program } = subjects[subject];
    const members = this.#members.get(program) ?? [];
    this.#members.set(program, members);
    while (members.length < processes) {
      const contestant = new Contestant(program);
      const ask = (op, request) => contestant.ask(op, request);
      members.push({ contestant, ask, index: members.length, ready: new Set() });
    }
    return members.slice(0, processes);
  }

  #first(subject, members) {
    const directory = this.#context.folder(subject);
    const one = ({ ask, index }) => ask('probe', { subject, directory, name: `ready-${index}` });
    return Promise.all(members.map(one));
  }

  #together(subject, members, request) {
    const startAt = Date.now() + 20;
    const all = { subject, directory: this.#context.folder(subject), startAt, ...request };
    return Promise.all(members.map(({ ask }) => ask('contend', all)));
  }
}

function chunks(list, size) {
  const found = [];
  for (let from = 0; from < list.length; from += size) found.push(list.slice(from, from + size));
  return found;
}
