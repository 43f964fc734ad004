import { describe, expect, it } from 'vitest';
import { checkOptionNames, configure, nearestName, unknownOption } from '../dist/index.js';

describe('an unknown option', () => {
  const known = new Set(['external', 'lockPath', 'timeout', 'fair']);

  it.each([
    ['externl', 'external'],
    ['exetrnal', 'external'],
    ['lockpath', 'lockPath'],
    ['timeouts', 'timeout'],
    ['time-out', 'timeout'],
    ['fiar', 'fair'],
    ['fai', 'fair'],
  ])('%s is a misspelling of %s', (name, meant) => {
    expect(nearestName(name, known)).toBe(meant);
    expect(() => checkOptionNames({ fair: true, [name]: 1 }, known)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        option: 'options',
        message: `Unknown option '${name}'. Did you mean '${meant}'?`,
      }),
    );
  });

  it.each(['', 'x', 'outer', 'path'])('%j is a misspelling of no name, and the error lists the known names', (name) => {
    expect(nearestName(name, known)).toBeUndefined();
    expect(unknownOption(name, known, {}).message).toBe(
      `Unknown option '${name}'. Known are external, lockPath, timeout, fair`,
    );
  });

  it('means the nearest of several names, and the first of equally near ones', () => {
    expect(nearestName('delays', ['delay2s', 'delay', 'delayed'])).toBe('delay2s');
    expect(nearestName('killsignal', ['signal', 'killSignals', 'killSignal'])).toBe('killSignal');
  });

  it('is refused with the nearest name, while known options pass and undefined ones are absent', () => {
    checkOptionNames({ fair: 1, other: undefined }, known);
    for (const wrong of [null, undefined, 'x', 1]) {
      expect(() => checkOptionNames(wrong, known)).toThrow('options must be an object');
    }
  });

  it('of configure is refused with the nearest name too', () => {
    expect(() => configure({ lockpath: '/run/lock' } as never)).toThrow(
      "Unknown option 'lockpath'. Did you mean 'lockPath'?",
    );
  });
});
