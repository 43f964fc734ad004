import { maskPassword } from '@oslo-concurrency/processutils';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sanitizedKeys } from '../src/masking/mask-keys.js';
import { expectLinear, processorTime } from './support/growth.js';
import { type MaskOracle, oracleIsInstalled, startMaskOracle } from './support/mask-oracle.js';

// From oslo.utils 10.1.1, the version that maskPassword follows.
const keys = [
  ...['adminpass', 'admin_pass', 'password', 'admin_password', 'auth_token', 'new_pass', 'auth_password', 'secret'],
  ...['secret_uuid', 'sys_pswd', 'token', 'configdrive', 'chappassword', 'encrypted_key', 'private_key', 'fernetkey'],
  ...['sslkey', 'passphrase', 'cephclusterfsid', 'octaviaheartbeatkey', 'rabbitcookie', 'cephmanilaclientkey'],
  ...['pacemakerremoteauthkey', 'designaterndckey', 'cephadminkey', 'heatauthencryptionkey', 'cephclientkey'],
  ...['keystonecredential', 'barbicansimplecryptokek', 'cephrgwkey', 'swifthashsuffix', 'migrationsshkey'],
  ...['cephmdskey', 'cephmonkey', 'chapsecret'],
];

const upperCase = (text: string): string => text.toUpperCase();
const mixedCase = (text: string): string =>
  text.replace(/_?([a-z])([a-z]*)$/, (_, first: string, rest) => first.toUpperCase() + rest);
const key = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...keys.slice(0, 18)) },
  fc.constantFrom(...keys),
  fc.constantFrom(...keys).map(upperCase),
  fc.constantFrom(
    'adminPass',
    'sslKey',
    'paſſword',
    'prİvate_key',
    'tıoken',
    'toKen',
    'CephMonKey',
    'original_password',
  ),
  fc.constantFrom(...keys).map(mixedCase),
);

const value = fc.oneof(
  fc.constantFrom('hunter2', 'a b', "it's", 'q"q', '', 'x=y', '<b>', '^', 'ä', '😀', '\ud800', '\\1', '$&', '--flag'),
  fc.string({ maxLength: 6 }),
);
const space = fc.constantFrom('', ' ', '  ', '\t', '\n', '\x1c', '\xa0', '\ufeff', '\u2003');
const digits = fc.constantFrom('', '', '1', '42');

/** Everything that oslo's patterns know, written well. */
const written = fc.oneof(
  fc.tuple(key, digits, space, space, value).map(([k, d, a, b, v]) => `${k}${d}${a}=${b}${v}`),
  fc.tuple(key, digits, space, space, value).map(([k, d, a, b, v]) => `${k}${d}${a}=${b}"${v}"`),
  fc.tuple(key, digits, space, space, value).map(([k, d, a, b, v]) => `${k}${d}${a}=${b}'${v}'`),
  fc.tuple(key, digits, space, value).map(([k, d, a, v]) => `${k}${d}${a}"${v}"`),
  fc.tuple(key, digits, space, value).map(([k, d, a, v]) => `--${k}${d}${a}${v}`),
  fc.tuple(key, digits, value).map(([k, d, v]) => `<${k}${d}>${v}</${k}${d}>`),
  fc.tuple(key, digits, space, value).map(([k, d, a, v]) => `{"${k}${d}"${a}:${a}"${v}", "other": "x"}`),
  fc.tuple(key, digits, space, value).map(([k, d, a, v]) => `{'my_${k}${d}'${a}:${a}u'${v}'}`),
  fc.tuple(key, digits, space, value).map(([k, d, a, v]) => `['--my_${k}${d}'${a}, '--flag',${a}u'${v}']`),
  fc.tuple(key, digits, space, value).map(([k, d, a, v]) => `${k}${d} --flag${a}${v}`),
);

/** The same torn apart and put together at random. */
const pieces = fc.oneof(
  { weight: 3, arbitrary: key },
  { weight: 3, arbitrary: written },
  fc.constantFrom('=', ':', ',', "'", '"', 'u', 'U', '-', '--', '---', '<', '</', '>', '^', '[', '_', 'Z', 'foo', '7'),
  space,
  value,
);
const text = fc.array(pieces, { maxLength: 14 }).map((parts) => parts.join(''));

/** A text with some characters removed, doubled or swapped. */
const mutated = fc.tuple(text, fc.array(fc.tuple(fc.nat(), fc.nat(2)), { maxLength: 4 })).map(([whole, changes]) => {
  return changes.reduce((now, [where, how]) => {
    const at = now.length === 0 ? 0 : where % now.length;
    const [before, character, after] = [now.slice(0, at), now.charAt(at), now.slice(at + 1)];
    return before + ['', character + character, `${after.charAt(0)}${character}`][how] + after;
  }, whole);
});

describe('maskPassword', () => {
  it.each([
    ["'adminPass' : 'aaaaa'", "'adminPass' : '***'"],
    ['"password" : "aaaaa"', '"password" : "***"'],
    ["'original_password' : 'aaaaa'", "'original_password' : '***'"],
    ['mysql --password s3cret -u root', 'mysql --password *** -u root'],
    ['<adminPass>x y</adminPass>', '<adminPass>***</adminPass>'],
    ['{"auth_token": "abc"}', '{"auth_token": "***"}'],
    ["['cmd', '--password', '--flag', u'abc']", "['cmd', '--password', '--flag', u'***']"],
    ['--chapsecret s3cret', '--chapsecret ***'],
    ['nothing to see', 'nothing to see'],
  ])('%s becomes %s', (given, masked) => expect(maskPassword(given)).toBe(masked));

  it('uses the replacement that it is given, literally', () => {
    expect(maskPassword('token=abc', '$& \\g<1>')).toBe('token=$& \\g<1>');
  });

  it.each([
    ['one key and no end', 'password="'],
    ['an opened quote', '"password'],
    ['open elements', '<password>'],
    ['flags', 'password--'],
    ['spaces after a key', 'password '.padEnd(300)],
    ['digits after a key', `password${'1'.repeat(300)}`],
    ['quotes', `'`],
    ['pairs without value', `"password":"`],
    ['argument lists without end', `'password','-a`],
    ['every key', keys.map((name) => `'${name}': '`).join(' ')],
    ['every key as a flag', keys.map((name) => `--${name} x`).join(' ')],
  ])('G24 masks 1 MB of bait in linear time: %s', (_what, bait) => {
    const hostile = (size: number): string => bait.repeat(Math.ceil(size / bait.length));
    expectLinear((size) => maskPassword(hostile(size)));
    expect(processorTime(() => maskPassword(hostile(1_000_000)))).toBeLessThan(3000);
  });
});

describe.skipIf(!oracleIsInstalled())("maskPassword and oslo.utils (Debian's python3-oslo.utils)", () => {
  let oracle: MaskOracle;
  beforeAll(async () => {
    oracle = await startMaskOracle();
  });
  afterAll(() => oracle.stop());

  it('G24 is compared with version 6.0.1 or later', () => {
    console.log(`oracle: oslo.utils ${oracle.version}`);
    expect(Number(oracle.version.split('.')[0])).toBeGreaterThanOrEqual(6);
    expect(sanitizedKeys).toEqual(oracle.keys);
    expect([...keys].sort()).toEqual([...oracle.keys].sort());
  });

  it('G24 masks exactly what oslo.utils masks, in generated and mutated texts', async () => {
    const batch = 200;
    let changed = 0;
    const property = fc.asyncProperty(
      fc.array(fc.oneof(text, mutated, written), { minLength: batch, maxLength: batch }),
      async (texts) => {
        const expected = await oracle.mask(texts);
        texts.forEach((given, index) => {
          if (expected[index] !== given) changed += 1;
          expect({ given, masked: maskPassword(given) }).toEqual({ given, masked: expected[index] });
        });
      },
    );
    const { FC_SEED, FC_PATH, FC_RUNS } = process.env;
    await fc.assert(property, {
      numRuns: Number(FC_RUNS ?? 100),
      ...(FC_SEED === undefined ? {} : { seed: Number(FC_SEED) }),
      ...(FC_PATH === undefined ? {} : { path: FC_PATH }),
    });
    // A test of texts that hold nothing to mask would prove nothing.
    expect(changed).toBeGreaterThan(100);
  }, 120_000);
});

it('G24 maskPassword finds a key wherever it stands in a long text, and what comes after it', () => {
  // Longer than a piece that is looked through at a time, whatever its length; the key at each place around its ends.
  for (const end of [2 ** 14, 2 ** 15, 2 ** 16, 2 ** 17]) {
    for (let at = end - 40; at <= end + 40; at += 1) {
      const text = `${'x'.repeat(at)} octaviaHeartbeatKey=hunter2 fernetkey = hunter3`;
      expect(maskPassword(text).slice(at)).toBe(' octaviaHeartbeatKey=*** fernetkey = ***');
    }
  }
});

it('looks for the later keys in what the masking of an earlier one has made, as oslo does', () => {
  expect(maskPassword('adminpass=1 x', 'sslkey=y')).toBe('adminpass=sslkey=sslkey=y x');
});
