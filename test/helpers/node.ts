/*
 * npm, and other releases of Node: npm's registry has nodejs.org's builds as packages.
 */
import path from 'node:path';
import tmp from 'tmp';
import {output} from './tools.js';

const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];

/** Run npm without the settings of an npm that runs the tests. */
export function npm(args: readonly string[], cwd: string): string {
  const env = Object.fromEntries(
    Object.keys(process.env).flatMap((key) => (/^npm_/i.test(key) ? [[key, '']] : [])),
  );
  return output('npm', [...quiet, ...args], {cwd, timeout: 600_000, env});
}

/** Install a release of Node into a directory, and return its program. */
export function installNode(release: string, directory: string): string {
  npm(['install', '--prefix', directory, `node-linux-${process.arch}@${release}`], directory);
  return path.join(directory, `node_modules/node-linux-${process.arch}/bin/node`);
}

let whole: string | undefined;

/**
 * A Node that is a single file. Debian's needs libnode.so and its dependencies; then use nodejs.org's build of the same
 * version, or of a later one with the same minor number, because the registry does not have every build.
 */
export function wholeNode(): string {
  const isShared = (process.config.variables as {node_shared?: boolean}).node_shared === true;
  whole ??= isShared ? installOwn() : process.execPath;
  return whole;
}

function installOwn(): string {
  tmp.setGracefulCleanup();
  const {name} = tmp.dirSync({prefix: 'elfinterp-node-', mode: 0o755, unsafeCleanup: true});
  return installNode(`~${process.versions.node}`, name);
}
