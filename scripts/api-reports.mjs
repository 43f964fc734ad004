// The public surface of each package as a file that a reviewer reads: packages/<name>/<name>.api.md, and one for each
// further entry point, packages/<name>/<name>.<entry>.api.md.
// Without arguments it compares and fails on a difference; `npm run api` (--write) writes the files anew.
import { readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { packages, root } from './workspaces.mjs';

const write = process.argv.includes('--write');
const quiet = { logLevel: 'none' };

const entries = packages.flatMap(({ folder, manifest }) =>
  Object.entries(manifest.exports)
    .filter(([, target]) => target.types !== undefined)
    .map(([key, { types }]) => ({
      folder,
      manifest,
      name: `${basename(folder)}${key.slice(1).replace('/', '.')}`,
      types,
    })),
);
for (const { folder, manifest, name, types } of entries) {
  const messages = [];
  const extractorConfig = ExtractorConfig.prepare({
    packageJsonFullPath: join(folder, 'package.json'),
    packageJson: manifest,
    projectFolderLookupToken: folder,
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: join(folder, types),
      compiler: { tsconfigFilePath: join(folder, 'tsconfig.build.json') },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: folder,
        reportTempFolder: join(folder, '.turbo/api'),
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          default: { logLevel: 'error' },
          'ae-missing-release-tag': quiet,
          // Both stand in the report, where a reviewer sees them.
          'ae-forgotten-export': { logLevel: 'none', addToApiReportFile: true },
          'ae-undocumented': quiet,
          // The doc comments are TSDoc as editors read it, which is less strict.
          'ae-unresolved-link': quiet,
        },
        tsdocMessageReporting: { default: quiet },
      },
    },
  });
  const { apiReportChanged } = Extractor.invoke(extractorConfig, {
    localBuild: write,
    messageCallback: (message) => {
      message.handled = true;
      const aside = message.category === 'console' || message.logLevel === 'none' || message.logLevel === 'verbose';
      if (!aside) messages.push(message.formatMessageWithLocation(root));
    },
  });
  for (const message of messages) console.log(`${manifest.name}: ${message}`);
  if (messages.length > 0) process.exitCode = 1;
  const report = relative(root, join(folder, `${name}.api.md`));
  for (const symbol of undocumented(readFileSync(extractorConfig.reportTempFilePath, 'utf8'))) {
    console.log(`${manifest.name}: ${symbol} is exported without a doc comment`);
    process.exitCode = 1;
  }
  if (!apiReportChanged) continue;
  if (write) console.log(`${report}: written`);
  else {
    console.log(`${report}: the public surface has changed; look at it with npm run api, and commit the report`);
    process.exitCode = 1;
  }
}

/** The exported names that no declaration of theirs explains (one overload may stand for all). */
function undocumented(report) {
  const names = (text) => new Set([...report.matchAll(text)].map((match) => match[1]));
  const exported = '(?:\\n//.*)*\\nexport (?:declare )?(?:abstract )?(?:async )?[a-z]+ (\\w+)';
  const explained = names(new RegExp(`\\n// @public(?! \\(undocumented\\))[^\\n]*${exported}`, 'g'));
  return [...names(new RegExp(`\\n// @public \\(undocumented\\)${exported}`, 'g'))].filter(
    (name) => !explained.has(name),
  );
}
