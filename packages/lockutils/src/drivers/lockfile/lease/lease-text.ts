import { join } from 'node:path';
import { nodeCrypto } from '@oslo-concurrency/core';
import type { Rights } from '../../../lock-path/rights.js';
import { type Steps, step } from '../../../steps.js';
import { intoFolder, type LockPaths, renamed } from '../lock-paths.js';
import { isCode, namesIn, quietly } from '../system.js';
import { tokenOf } from './fencing-token.js';
import { timeNow, timeOf } from './file-time.js';
import type { LeaseFs } from './lease-fs.js';

/** At most this many texts are looked at by one write: looking costs a call each, and a write adds only one. */
const lookedAt = 32;

/**
 * The text that is kept with the name of a lease, as one holder reads and writes it.
 *
 * A text is a file `text/KEEP~ID`, whose name is never used again. The file of the last token names it: `token/NAME/TOKEN`
 * is renamed to `TOKEN~KEEP~ID`, and the holder that draws the next token keeps the rest of the
 * name.
 *
 * Why a late holder changes nothing: its write is a rename of the file with its own token, and that name is gone once a
 * successor has drawn a token. The server executes one of the two renames first. Either the successor draws with the
 * new text and reads it, or the write finds no file and is refused. Between the end of a lease and the next token a
 * write may still succeed; the successor, which reads after it has drawn, finds that text.
 *
 * A crash leaves: before the rename, a text that no token names, and the old text is kept; after it, the new text, and the
 * old one beside it, which no token names. Both kinds are removed when their time has passed, by the file system's clock.
 */
export class LeaseText {
  readonly #fs: LeaseFs;
  readonly #paths: LockPaths;
  readonly #rights: Rights;
  readonly #isHeld: () => Steps<boolean>;
  /** The name of the file with our token. */
  #file: string;

  /** `file`: the name under which the holder drew its token. `isHeld`: whether its lease is still there. */
  constructor(fs: LeaseFs, paths: LockPaths, rights: Rights, file: string, isHeld: () => Steps<boolean>) {
    this.#fs = fs;
    this.#paths = paths;
    this.#rights = rights;
    this.#file = file;
    this.#isHeld = isHeld;
  }

  /** The text; `undefined` if there is none or its time has passed. */
  *read(): Steps<string | undefined> {
    const id = this.#id();
    if (id === undefined || (yield* this.#isOver([id])).length > 0) return undefined;
    try {
      return Buffer.from(yield* step(this.#fs.readFile(join(this.#paths.texts, id)))).toString('utf8');
    } catch (error) {
      // Its time passed after our look, and another process removed it.
      if (isCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Replaces the text; `false` if the lease has ended. */
  *write(text: string, keep: number): Steps<boolean> {
    if (!(yield* this.#isHeld())) return false;
    const { extra: folder, texts, remake } = this.#paths;
    const id = `${Math.ceil(keep)}~${nodeCrypto().randomUUID()}`;
    const made = join(texts, id);
    const next = `${tokenOf(this.#file)}~${id}`;
    try {
      yield* intoFolder(this.#fs, remake, () => this.#fs.create(made, Buffer.from(text), this.#rights));
      const [from, to] = [join(folder, this.#file), join(folder, next)];
      // A server's answer may be lost: then the new name is there.
      if (!(yield* renamed(this.#fs, remake, from, to)) && !(yield* step(this.#fs.exists(to)))) {
        yield* quietly(() => this.#fs.unlink(made));
        return false;
      }
    } catch (error) {
      // It is not known which text is kept, so none is removed.
      yield* this.#findOut(next);
      throw error;
    }
    const old = this.#id();
    this.#file = next;
    if (old !== undefined) yield* quietly(() => this.#fs.unlink(join(texts, old)));
    yield* this.#forget();
    return true;
  }

  /** The name of the text that our token names. */
  #id(): string | undefined {
    return /^\d+~(.*)$/.exec(this.#file)?.[1];
  }

  /** After a failure: whether the rename was executed, so that the next write finds the file. */
  *#findOut(next: string): Steps<void> {
    try {
      if (yield* step(this.#fs.exists(join(this.#paths.extra, next)))) this.#file = next;
    } catch {
      // Then the next write fails, too.
    }
  }

  /** Those of the texts whose time has passed. */
  *#isOver(ids: readonly string[]): Steps<string[]> {
    const over: string[] = [];
    const now = yield* timeNow(this.#fs, this.#paths);
    for (const id of ids) {
      const [, keep] = /^(\d{1,15})~/.exec(id) ?? [];
      const written = yield* timeOf(this.#fs, join(this.#paths.texts, id));
      if (keep !== undefined && written !== undefined && now !== undefined && now - written >= Number(keep))
        over.push(id);
    }
    return over;
  }

  /** Removes some of the texts whose time has passed. What fails here is done by a later write. */
  *#forget(): Steps<void> {
    try {
      const ids = yield* namesIn(this.#fs, this.#paths.texts);
      const begin = Math.floor(Math.random() * Math.max(1, ids.length - lookedAt + 1));
      for (const id of yield* this.#isOver(ids.slice(begin, begin + lookedAt))) {
        yield* quietly(() => this.#fs.unlink(join(this.#paths.texts, id)));
      }
    } catch {}
  }
}
