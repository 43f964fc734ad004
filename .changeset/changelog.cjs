// How a changelog lists a release: what changed, without the commits, and in one line the packages of this repository that it
// depends on. Changesets' own form has a line for each change of a dependency, which are dozens.
async function getReleaseLine({ summary }) {
  const [first, ...rest] = summary.split('\n').map((line) => line.trimEnd());
  return [`- ${first}`, ...rest.map((line) => (line === '' ? '' : `  ${line}`))].join('\n');
}

async function getDependencyReleaseLine(_changesets, updated) {
  if (updated.length === 0) return '';
  return `- Depends on ${updated.map(({ name, newVersion }) => `\`${name}\` ${newVersion}`).join(' and ')}.`;
}

module.exports = { getReleaseLine, getDependencyReleaseLine };
