import fc from 'fast-check';

// A failing property prints its seed and path; these bring it back: FC_SEED=1 FC_PATH=2:3 npm test.
const number = (name: string): number | undefined => {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  if (!/^-?\d+$/.test(text)) throw new TypeError(`${name} must be a whole number; got '${text}'`);
  return Number(text);
};
const seed = number('FC_SEED');
const numRuns = number('FC_RUNS');
const path = process.env.FC_PATH;
fc.configureGlobal({
  ...(seed === undefined ? {} : { seed }),
  ...(numRuns === undefined ? {} : { numRuns }),
  ...(path === undefined || path === '' ? {} : { path }),
});
