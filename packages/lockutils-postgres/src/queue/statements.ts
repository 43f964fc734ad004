import type { Tables } from '../database/tables.js';

/** What `take` and `ask` answer. */
export interface Asked {
  /** The token, if the lease was granted, now or by the same statement before. */
  readonly token: string | null;
  /** Milliseconds that the lease lasts, counted from a moment after the statement was sent. */
  readonly left: number | null;
  /**
   * Whether the claim has a row that is of use. One with a token that has expired is of none: the lease was granted by a
   * statement whose answer was lost, and has ended since.
   */
  readonly queued: boolean;
  /** Whether its turn has come. Without a token: another caller's grant came in between, so ask again. */
  readonly turn: boolean;
  /** Whether a lease before it has expired and must be removed first. */
  readonly expired: boolean;
  /** Milliseconds until what is before it ends, if nobody renews it: the place right before it, else the holders' leases. */
  readonly until: number | null;
  /** The texts of the holders. */
  readonly owners: readonly string[] | null;
}

/**
 * How long a place in the queue lasts at most unless it is kept. Milliseconds. A waiter that dies holds up the others for as
 * long; one that stands still for longer may be overtaken, but nothing else. So it need not be as long as a lease.
 */
export const longestPlace = 10_000;

/**
 * The statements of the driver, each a transaction of its own, each harmless when it is carried out twice.
 *
 * Why no two callers hold a name that admits one. A holder is a row of `claims` with a token. Such rows appear only by
 * `take` and `ask`, in one transaction with a change of the name's row in `leases`; and that change is made only if the token there
 * is the one that the snapshot of the statement shows. Two grants at one moment: the second waits for the first one's row lock,
 * then finds another token, and is granted nothing. So at a grant the snapshot shows every holder's row. A row counts as
 * long as it is there, whatever its age. It disappears only by its holder's `remove`, or by `reap`, which first locks it
 * and then compares its age by the server's clock; a renewal needs the same lock, and an age that is not over.
 *
 * After a crash of the caller at any step: a row is left that `reap` removes after its ttl. After a crash of the server:
 * what was committed is there. With `synchronous_commit = off` a grant could be lost after its answer, therefore it
 * is turned on for the transaction of a grant.
 *
 * The token is the greater of the last one and one, and of the server's time in microseconds. So it grows also when the
 * tables are lost or a standby that lacks the last grants becomes the primary, as long as the clocks are right.
 */
export class Statements {
  /** (name, claim, ttl, permits, owner): is granted the lease if nobody holds it or waits; else changes nothing. */
  readonly take: string;
  /** (name, claim, ttl, permits): a waiter is granted the lease if its turn has come, else keeps its place. */
  readonly ask: string;
  /** (name, claim, ttl, permits, owner, channel): joins the queue at its end. */
  readonly join: string;
  /** (name): removes expired rows, except those that a fence or another statement has locked. */
  readonly reap: string;
  /** (claim, token, ttl): asks for the whole ttl again; no row if the lease has expired. */
  readonly renew: string;
  /**
   * (claim, name): removes the row, and notifies the first waiter; `live` if it had not expired; `locked` if a fence has
   * locked it; `waiters`: how many it found to notify.
   */
  readonly remove: string;
  /** (claim): ends a lease whose row is locked by a fence. The row goes when the fence has gone. */
  readonly expire: string;
  /** (claim): removes the row of a waiter. */
  readonly leave: string;
  /** (name): notifies the first waiter, and only that one. */
  readonly wake: string;
  /** (name): the texts of the holders, and whether anybody waits. */
  readonly holders: string;
  /** (name): the note. */
  readonly readNote: string;
  /** (name, claim, token, note, keep): writes the note while the lease is held. */
  readonly writeNote: string;

  constructor({ leases, claims }: Tables) {
    const now = 'clock_timestamp()';
    const micros = `(extract(epoch FROM ${now}) * 1000000)::bigint`;
    const milliseconds = (value: string): string => `${value}::float8 * interval '1 millisecond'`;
    const stay = `least($3::float8, ${longestPlace})`;
    const left = (moment: string): string => `(extract(epoch FROM ${moment}) - extract(epoch FROM ${now})) * 1000`;

    // Both are one text but for where the token goes: into a new row, or into the row of the waiter.
    const asking = (me: string, before: string, turn: string, grant: string): string => `WITH
known AS (SELECT token FROM ${leases} WHERE name = $1::text),
me AS (SELECT ${me} FROM ${claims} WHERE claim = $2::uuid),
others AS (SELECT ticket, token, permits, expires_at, owner FROM ${claims}
  WHERE name = $1 AND claim <> $2 AND (token IS NOT NULL OR (expires_at > ${now}${before}))),
sum AS (SELECT count(*) + 1 AS all_together, least($4::integer, min(permits)) AS admitted FROM others),
turn AS (SELECT all_together <= admitted AND ${turn} AS mine FROM sum),
next AS (UPDATE ${leases} SET token = greatest(token + 1, ${micros})
  WHERE name = $1 AND token = (SELECT token FROM known) AND (SELECT mine FROM turn) RETURNING token),
first AS (INSERT INTO ${leases} (name, token) SELECT $1, ${micros}
  WHERE (SELECT mine FROM turn) AND NOT EXISTS (SELECT FROM known) ON CONFLICT DO NOTHING RETURNING token),
fresh AS (SELECT token FROM next UNION ALL SELECT token FROM first),
${grant},
granted AS (SELECT token, $3::float8 AS lasts FROM made
  UNION ALL SELECT token, ${left('expires_at')} FROM me WHERE token IS NOT NULL AND expires_at > ${now})
SELECT json_build_object('token', (SELECT token::text FROM granted), 'left', (SELECT lasts FROM granted),
  'queued', EXISTS (SELECT FROM me WHERE token IS NULL OR expires_at > ${now}), 'turn', (SELECT mine FROM turn),
  'expired', EXISTS (SELECT FROM others WHERE expires_at <= ${now}),
  'until', coalesce(
    (SELECT ${left('expires_at')} FROM others WHERE token IS NULL ORDER BY ticket DESC LIMIT 1),
    (SELECT CASE WHEN (SELECT admitted FROM sum) = 1 THEN ${left('max(expires_at)')}
      ELSE ${left('min(expires_at)')} END FROM others)),
  'owners', (SELECT json_agg(owner) FROM others WHERE token IS NOT NULL),
  'durable', CASE WHEN current_setting('synchronous_commit') = 'off'
    THEN set_config('synchronous_commit', 'local', true) END)::text AS answer`;

    this.take = asking(
      'token, expires_at',
      '',
      'NOT EXISTS (SELECT FROM me)',
      `made AS (INSERT INTO ${claims} (claim, name, token, permits, expires_at, owner)
  SELECT $2, $1, token, $4, ${now} + ${milliseconds('$3')}, $5::text FROM fresh RETURNING token)`,
    );
    this.ask = asking(
      'ticket, token, expires_at',
      '\n    AND ticket < (SELECT ticket FROM me)',
      'coalesce((SELECT token IS NULL FROM me), false)',
      `made AS (UPDATE ${claims} c SET token = fresh.token, expires_at = ${now} + ${milliseconds('$3')}
  FROM fresh WHERE c.claim = $2 RETURNING c.token),
kept AS (UPDATE ${claims} SET expires_at = ${now} + ${milliseconds(stay)}
  WHERE claim = $2 AND token IS NULL AND NOT EXISTS (SELECT FROM fresh)
  AND expires_at < ${now} + 0.9 * ${milliseconds(stay)})`,
    );

    this.join = `INSERT INTO ${claims} (claim, name, permits, expires_at, owner, channel)
SELECT $2::uuid, $1::text, $4::integer, ${now} + ${milliseconds(stay)}, $5::text, $6::text
ON CONFLICT (claim) DO NOTHING`;

    this.reap = `DELETE FROM ${claims} WHERE claim IN (SELECT claim FROM ${claims}
  WHERE name = $1::text AND expires_at <= ${now} FOR UPDATE SKIP LOCKED) AND expires_at <= ${now}`;

    this.renew = `UPDATE ${claims} SET expires_at = ${now} + ${milliseconds('$3')}
WHERE claim = $1::uuid AND token = $2::bigint AND expires_at > ${now} RETURNING 'true' AS answer`;

    const waiter = `SELECT channel, claim FROM ${claims}
  WHERE name = $1::text AND token IS NULL AND expires_at > ${now} ORDER BY ticket LIMIT 1`;
    this.remove = `WITH row AS (SELECT claim FROM ${claims} WHERE claim = $2::uuid FOR UPDATE SKIP LOCKED),
gone AS (DELETE FROM ${claims} c USING row WHERE c.claim = row.claim RETURNING c.expires_at > ${now} AS live),
waiter AS (${waiter})
SELECT json_build_object('live', (SELECT live FROM gone),
  'locked', NOT EXISTS (SELECT FROM gone) AND EXISTS (SELECT FROM ${claims} WHERE claim = $2),
  'waiters', (SELECT count(*) FROM waiter), 'told', (SELECT pg_notify(channel, claim::text)::text FROM waiter
    WHERE channel IS NOT NULL AND EXISTS (SELECT FROM gone)))::text AS answer`;

    this.expire = `UPDATE ${claims} SET expires_at = 'epoch' WHERE claim = $1::uuid AND expires_at > ${now}
RETURNING 'true' AS answer`;

    this.leave = `DELETE FROM ${claims} WHERE claim = $1::uuid`;

    this.wake = `SELECT pg_notify(channel, claim::text) FROM (${waiter}) waiter WHERE channel IS NOT NULL`;

    this.holders = `SELECT json_build_object('taken', count(*) > 0,
  'owners', coalesce(json_agg(owner) FILTER (WHERE token IS NOT NULL), '[]'))::text AS answer
FROM ${claims} WHERE name = $1::text AND expires_at > ${now}`;

    this.readNote = `SELECT to_json(note)::text AS answer FROM ${leases}
WHERE name = $1::text AND note_until > ${now}`;

    this.writeNote = `WITH held AS (SELECT claim FROM ${claims}
  WHERE claim = $2::uuid AND token = $3::bigint AND expires_at > ${now} FOR KEY SHARE)
UPDATE ${leases} SET note = $4::text, note_until = ${now} + ${milliseconds('$5')}
WHERE name = $1::text AND EXISTS (SELECT FROM held) RETURNING 'true' AS answer`;
  }
}
