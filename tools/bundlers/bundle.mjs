// Bundles a user's program; each writes it into a folder and returns the path of its main file.
import { join } from 'node:path';

import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import nodeResolve from '@rollup/plugin-node-resolve';
import { build as esbuild } from 'esbuild';
import { rollup } from 'rollup';
import { build as vite } from 'vite';
import webpack from 'webpack';

// Packages in CommonJS require modules of Node; esbuild leaves that to a `require` which an ES module has not by itself.
const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };

const byEsbuild = (format, extension) => async (source, folder) => {
  const outfile = join(folder, `server.${extension}`);
  await esbuild({
    ...{ entryPoints: [source], outfile, format, bundle: true, platform: 'node', minify: true },
    ...(format === 'esm' ? { banner } : {}),
    logLevel: 'error',
    logOverride: { 'empty-import-meta': 'silent' },
  });
  return outfile;
};

const bundlers = {
  'esbuild, ES module': byEsbuild('esm', 'mjs'),
  'esbuild, CommonJS': byEsbuild('cjs', 'cjs'),
  async 'webpack 5'(source, folder) {
    const options = {
      ...{ mode: 'production', target: 'node20', entry: source },
      output: { path: folder, filename: 'server.cjs' },
    };
    const stats = await new Promise((resolve, reject) => {
      webpack(options, (error, result) => (error ? reject(error) : resolve(result)));
    });
    if (stats.hasErrors()) throw new Error(stats.toString('errors-only'));
    return join(folder, 'server.cjs');
  },
  async rollup(source, folder) {
    const plugins = [nodeResolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs(), json()];
    const bundled = await rollup({ input: source, plugins, onwarn() {} });
    await bundled.write({ dir: folder, format: 'esm', entryFileNames: 'server.mjs', chunkFileNames: '[name].mjs' });
    return join(folder, 'server.mjs');
  },
  async 'vite --ssr'(source, folder) {
    await vite({
      ...{ logLevel: 'error', configFile: false, root: join(source, '..') },
      build: { ssr: source, outDir: folder, minify: true, rollupOptions: { output: { entryFileNames: 'server.mjs' } } },
      ssr: { noExternal: true },
    });
    return join(folder, 'server.mjs');
  },
};

// bundle.mjs SOURCE FOLDER: bundles SOURCE with each of them into a folder of its own; prints the main files as JSON.
const [, , source, folder] = process.argv;
const files = {};
for (const [name, bundle] of Object.entries(bundlers)) {
  files[name] = await bundle(source, join(folder, name.replaceAll(/\W+/g, '-')));
}
console.log(JSON.stringify(files));
