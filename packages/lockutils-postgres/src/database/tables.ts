import { PostgresForeignTableError } from '../postgres-errors.js';

/** What `checkTables` answers; `null` where there is no such table. */
interface FoundTables {
  readonly leases: { readonly [column: string]: string } | null;
  readonly claims: { readonly [column: string]: string } | null;
  readonly leasesKeys: readonly string[] | null;
  readonly claimsKeys: readonly string[] | null;
}

const leaseColumns = { name: 'text', token: 'bigint', note: 'text', note_until: 'timestamp with time zone' };
const claimColumns = {
  ticket: 'bigint',
  claim: 'uuid',
  name: 'text',
  token: 'bigint',
  permits: 'integer',
  expires_at: 'timestamp with time zone',
  channel: 'text',
  owner: 'text',
};

/**
 * The two tables of a driver, quoted.
 *
 * `leases` has one row a name, which stays: it holds the last token. Every grant changes it, and only if it is still as
 * the grant's own snapshot shows it. So of two grants that look at the same moment one fails and looks again.
 *
 * `claims` has a row for each holder, which has a token, and each waiter, which has none. Tickets are the order of
 * arrival. The unique key of name and token is what the fence locks: `FOR KEY SHARE` lets a renewal through, and keeps
 * the row from being deleted, and so the next caller out, until the holder's transaction has ended.
 */
export class Tables {
  readonly leases: string;
  readonly claims: string;

  /** `table` as the option gives it: `name` or `schema.name`. */
  constructor(table: string) {
    const parts = table.split('.');
    const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join('.');
    this.leases = quoted(parts);
    this.claims = quoted([...parts.slice(0, -1), `${parts.at(-1)}_claims`]);
  }

  /** The statements that create them. */
  get creations(): readonly [string, string] {
    return [
      `CREATE TABLE IF NOT EXISTS ${this.leases} (
  name text PRIMARY KEY, token bigint NOT NULL, note text, note_until timestamptz);`,
      `CREATE TABLE IF NOT EXISTS ${this.claims} (
  ticket bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, claim uuid NOT NULL UNIQUE, name text NOT NULL, token bigint,
  permits integer NOT NULL, expires_at timestamptz NOT NULL, channel text, owner text NOT NULL, UNIQUE (name, token));`,
    ];
  }

  /** The same for people. */
  get sql(): string {
    return this.creations.join('\n');
  }

  /** The SQL that lets another user use them. */
  get grant(): string {
    return `GRANT SELECT, INSERT, UPDATE, DELETE ON ${this.leases}, ${this.claims} TO <user>;`;
  }

  /** Removes what processes that died have left, of any name. One that lives and is late joins again. */
  get sweep(): string {
    return `DELETE FROM ${this.claims} WHERE claim IN (SELECT claim FROM ${this.claims}
  WHERE expires_at < clock_timestamp() - interval '1 minute' LIMIT 1000 FOR UPDATE SKIP LOCKED)
  AND expires_at < clock_timestamp()`;
  }

  /** What the catalog knows of both tables. */
  get look(): string {
    const columns = (table: string): string => `(SELECT json_object_agg(attname, format_type(atttypid, NULL))
  FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('${table}') AND attnum > 0 AND NOT attisdropped)`;
    const keys = (table: string): string => `(SELECT json_agg((SELECT string_agg(a.attname, ',' ORDER BY k.place)
  FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number))
  FROM pg_catalog.pg_index i WHERE i.indrelid = to_regclass('${table}')
  AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL)`;
    return `SELECT json_build_object('leases', ${columns(this.leases)}, 'claims', ${columns(this.claims)},
'leasesKeys', ${keys(this.leases)}, 'claimsKeys', ${keys(this.claims)})::text AS answer`;
  }

  /**
   * Whether both exist. @throws PostgresForeignTableError if a table of one of the names is another one: without the
   * keys two holders, or a fence without effect, would go unnoticed.
   */
  exist(found: object, endpoint: string): boolean {
    const { leases, claims, leasesKeys, claimsKeys } = found as FoundTables;
    this.#compare(this.leases, leaseColumns, ['name'], leases, leasesKeys, endpoint);
    this.#compare(this.claims, claimColumns, ['claim', 'name,token'], claims, claimsKeys, endpoint);
    return leases !== null && claims !== null;
  }

  #compare(
    table: string,
    columns: { readonly [column: string]: string },
    keys: readonly string[],
    found: { readonly [column: string]: string } | null,
    foundKeys: readonly string[] | null,
    endpoint: string,
  ): void {
    if (found === null) return;
    const refuse = (difference: string): never => {
      throw new PostgresForeignTableError(endpoint, table, difference, this.sql);
    };
    for (const [column, type] of Object.entries(columns)) {
      if (found[column] === undefined) refuse(`it has no column ${column}`);
      if (found[column] !== type) refuse(`its column ${column} is ${found[column]} and not ${type}`);
    }
    for (const key of keys) if (!foundKeys?.includes(key)) refuse(`it has no unique key (${key.replace(',', ', ')})`);
  }
}
