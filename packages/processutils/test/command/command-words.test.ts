import { type CommandArgument, type ExecuteOptions, execute, secret, trycmd } from '@oslo-concurrency/processutils';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkCommand } from '../../src/command/check-command.js';
import { sanitizedKeys } from '../../src/masking/mask-keys.js';
import { expectLinear } from '../support/growth.js';

const shown = (args: readonly CommandArgument[], options: ExecuteOptions = {}, file = 'program'): string =>
  checkCommand(file, args, options).shown;

describe('the command line that is shown', () => {
  it.each<[string, CommandArgument[], string]>([
    ['a flag of a key', ['--password', 'correct horse battery', 'next'], '--password *** next'],
    ['such a flag with one dash', ['-password', 'correct horse', 'next'], '-password *** next'],
    ['a flag with its value', ['--password=correct horse', 'next'], '--password=*** next'],
    ['a flag that ends like a key', ['--os-password', 'correct horse', 'next'], '--os-password *** next'],
    ['a flag with a dash for the underscore', ['--admin-pass', 'correct horse', 'x'], '--admin-pass *** x'],
    ['a flag with a number', ['--token2', 'correct horse', 'next'], '--token2 *** next'],
    ['a flag in capitals', ['--PassWord', 'correct horse', 'next'], '--PassWord *** next'],
    ['a variable', ['DB_PASSWORD=correct horse', 'next'], 'DB_PASSWORD=*** next'],
    ['an assignment in three words', ['password', '=', 'correct horse', 'next'], 'password = *** next'],
    ['an assignment in two words', ['password=', 'correct horse', 'next'], 'password= *** next'],
    ['another in two words', ['password', '=correct horse', 'next'], 'password =*** next'],
    ['a key and a flag', ['password', '--set', 'correct horse', 'next'], 'password --set *** next'],
    ['a value with quotes', ['--password', '"a b" c', 'next'], '--password *** next'],
    ['a value with an apostrophe', ['--password', "it's a b", 'next'], '--password *** next'],
    ['a value that oslo excludes', ['--password', '^a b', 'next'], '--password *** next'],
    ['a value that looks like a flag', ['--password', '--a b', 'next'], '--password *** next'],
    ['a value with an equals sign', ['--password', 'a=b c', 'next'], '--password *** next'],
    ['a secret beside another', [secret('a b'), secret(''), 'next'], '*** *** next'],
    ['a script after -c', ['-c', 'mysql --password x y; echo done', 'z'], '-c mysql --password *** y; echo done z'],
    ['JSON', ['{"password": "a b"}', 'next'], '{"password": "***"} next'],
    ['a name that only holds a key', ['--passwd-file', '/a b', '--tokens', 'c d'], '--passwd-file /a b --tokens c d'],
    ['an empty value', ['--password', '', 'x', 'next'], '--password *** *** next'],
    ['no value', ['--password'], '--password'],
    ['a number', ['--password', 12345, 'next'], '--password *** next'],
  ])('masks %s by its words', (_what, args, expected) => expect(shown(args)).toBe(`program ${expected}`));

  it('hides every word after a flag of a key, whatever is in it', () => {
    const value = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 12 })
      .map((text) => `Zq7${text.replaceAll('\0', '')} Zq7`);
    const key = fc.constantFrom(...sanitizedKeys);
    const words = fc.array(fc.constantFrom('-v', 'a b', '"', "'", '=', '{', '--x', 'password', ':'), { maxLength: 3 });
    void fc.assert(
      fc.property(words, key, value, words, fc.boolean(), (before, name, hidden, after, joined) => {
        const pair = joined ? [`--${name}=${hidden}`] : [`--${name}`, hidden];
        expect(shown([...before, ...pair, ...after])).not.toContain('Zq7');
      }),
    );
  });

  it('masks a script for a shell as the text it is', () => {
    expect(shown(['--token', 'c d'], { shell: true }, 'mysql --password a b')).toBe(
      'mysql --password *** b --token ***',
    );
    expect(shown([], { shell: true }, 'PASSWORD=a run b; echo c')).toBe('PASSWORD=*** run b; echo c');
  });

  it('masks the words of wrapper and helper too', async () => {
    const options = { wrapper: ['nice', '--token', 'a b', 'hidden'], secrets: ['hidden'] };
    expect(shown(['x'], options)).toBe('nice --token *** *** program x');
    const { command } = await execute('true', [], { wrapper: ['env', 'TOKEN=a b', 'X=hidden'], secrets: ['hidden'] });
    expect(command).toBe('env TOKEN=*** X=*** true');
  });

  it('masks the words of the root helper', async () => {
    const error = await trycmd('/no/such/program', [], { wrapper: ['env', 'PASSWORD=a b'] });
    expect(error.stderr).not.toContain('a b');
  });

  it('hides a secret that stands across words, and half of it in none', () => {
    expect(shown(['--password', 'one', 'two', 'three'], { secrets: ['one two'] })).toBe('program --password *** three');
    expect(shown(['x one', 'two y'], { secrets: ['one two'] })).toBe('program x *** y');
  });

  it('hides the longer secret, and no part of it, whatever the order in which they are given', () => {
    for (const secrets of [
      ['abc', 'abcdef'],
      ['abcdef', 'abc'],
    ]) {
      expect(shown(['abcdef', 'abc'], { secrets })).toBe('program *** ***');
      expect(checkCommand('x', [], { secrets }).mask('xabcdefx abc')).toBe('x***x ***');
    }
  });

  it('hides the secrets before the values of keys, of which they may be more than the first word', async () => {
    const error = await execute('sh', ['-c', 'echo "password=my secret words"; exit 1'], {
      secrets: ['my secret words'],
    }).catch((reason: { stdout: string }) => reason);
    expect(error.stdout).toBe('password=***\n');
  });
});

describe('the user information of a URL', () => {
  it.each([
    ['https://user:pass@host/path', 'https://***@host/path'],
    ['https://ghp_token@host', 'https://***@host'],
    ['https://host/path@x http://host:80/@scope/name', 'https://host/path@x http://host:80/@scope/name'],
    ['postgres://u:p@ss@host/db', 'postgres://***@host/db'],
    ['redis://u:pa/ss@host', 'redis://***@host'],
    ['redis://u:pa?ss#x@host', 'redis://***@host'],
    ['http://[::1]:80/a@b', 'http://[::1]:80/a@b'],
    ['"http://u:p@host", \'ftp://v:q@host\'', '"http://***@host", \'ftp://***@host\''],
    ["http://u:it's@host", 'http://***@host'],
    ['a://b:c@d e://f:g@h', 'a://***@d e://***@h'],
    ['a://u:p@h,b://v:q@h', 'a://***@h,b://***@h'],
    ['http://@host', 'http://@host'],
    ['no://url but mail user@host', 'no://url but mail user@host'],
    ['<a href="http://u:p@h">', '<a href="http://***@h">'],
    ['http://u:p\\@h', 'http://u:p\\@h'],
    ['cut short: https://user:hunter2', 'cut short: https://***'],
    ['cut short: http://localhost:8080', 'cut short: http://localhost:8080'],
    ['not cut short: x://user:hunter2 ', 'not cut short: x://user:hunter2 '],
    ['mailto:user@host', 'mailto:user@host'],
  ])('%s is shown as %s', (given, expected) => {
    const { mask } = checkCommand('x', [], {});
    expect(mask(given)).toBe(expected);
  });

  it('shows in no command, message and output of one that failed, and stays in what succeeded', async () => {
    const url = 'https://user:hunter2@host/';
    const error = await execute('sh', ['-c', 'echo "$0"; echo "$0" >&2; exit 1', url]).catch((reason) => reason);
    expect(JSON.stringify(error) + error.message).not.toContain('hunter2');
    expect(error.cmd).toBe('sh -c echo "$0"; echo "$0" >&2; exit 1 https://***@host/');
    expect((await execute('echo', [url])).stdout).toBe(`${url}\n`);
  });

  it('is found in linear time', () => {
    const { mask } = checkCommand('x', [], {});
    for (const bait of ['://', '://a:b', '://a:b/', 'x@', '://@', 'a://b:c@d/']) {
      expectLinear((size) => mask(bait.repeat(size / bait.length)));
    }
  });
});
