// The code of the documents about Postgres, run as it stands, against a real server.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresLeaseDriver } from '../src/index.js';
import { PostgresServer, postgresMissing, withPostgres } from './server/postgres-server.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const readme = 'packages/lockutils-postgres/README.md';
const documents = [readme, 'docs/how-to/hold-between-machines.md'];

/** The code blocks of a document in a language. */
function blocks(document: string, language: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code as string);
}

describe.skipIf(postgresMissing)(`the code of the documents about Postgres${withPostgres}`, () => {
  let server: PostgresServer;
  let reports: Server;
  let folder: string;
  beforeAll(async () => {
    server = await PostgresServer.start();
    reports = createServer((_, response) => response.end('a report')).listen(0, '127.0.0.1');
    await once(reports, 'listening');
    mkdirSync(join(root, '.turbo'), { recursive: true });
    folder = mkdtempSync(join(root, '.turbo/postgres-documents-'));
  });
  afterAll(async () => {
    reports?.close();
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the tables of the README are those that the driver accepts and uses', async () => {
    for (const code of blocks(readme, 'sql')) await server.sql(code);
    const found = `SELECT oid FROM pg_class WHERE relname IN ('oslo_leases', 'oslo_leases_claims') ORDER BY relname`;
    const before = await server.sql(found);
    expect(before).toHaveLength(2);
    await using driver = postgresLeaseDriver({ url: server.url });
    const first = await lease('old', { driver, ttl: 2000 }, ({ fencingToken }) => fencingToken);
    expect(await server.sql(found)).toEqual(before);
    // The statement that forgets names which are not used any more.
    const [forget] = /DELETE FROM oslo_leases [^`]*/.exec(readFileSync(join(root, readme), 'utf8')) ?? [];
    await server.sql(`UPDATE oslo_leases SET token = token - 40 * 86400 * 1000000::bigint WHERE name = 'old'`);
    await server.sql(forget as string);
    expect(await server.sql('SELECT 1 FROM oslo_leases')).toEqual([]);
    expect(await lease('old', { driver, ttl: 2000 }, ({ fencingToken }) => fencingToken)).toBeGreaterThan(first);
  });

  const programs = documents.flatMap((document) =>
    blocks(document, 'ts')
      .filter((code) => code.includes('@oslo-concurrency/lockutils-postgres'))
      .map((code, index) => ({ document, index, code })),
  );
  test.each(programs)('$document, block $index runs, writes what it says, and leaves nothing', async (program) => {
    const { document, index, code } = program;
    await server.sql('CREATE TABLE IF NOT EXISTS reports (day date, text text)');
    await server.sql('TRUNCATE reports');
    const { port } = reports.address() as { port: number };
    const file = join(folder, `${document.replaceAll(/\W/g, '-')}-${index}.ts`);
    const told = code.replaceAll(/postgres:\/\/[\w.@/]+/g, server.url);
    expect(told).not.toBe(code);
    writeFileSync(file, told.replaceAll('http://reports.example/', `http://127.0.0.1:${port}/`));
    await import(pathToFileURL(file).href);
    expect(await server.sql('SELECT text FROM reports')).toEqual([{ text: 'a report' }]);
    expect(await server.claims()).toBe(0);
  });

  test('each of the documents has such code', () => {
    expect(new Set(programs.map(({ document }) => document))).toEqual(new Set(documents));
  });
});
