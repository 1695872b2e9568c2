/*
 * VS Code Server on a system whose glibc is too old for its node: given a newer glibc in some directory, its start
 * script calls the program that VSCODE_SERVER_PATCHELF_PATH names, at each start. The two calls are those of
 * resources/server/bin/code-server-linux.sh in microsoft/vscode; node, and the glibc of each release, are real.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {copyFileSync, mkdirSync, statSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {directoriesOf, unpackDebian} from '../helpers/debian.js';
import {wholeNode} from '../helpers/node.js';
import {patchelfProgram} from '../helpers/patchelf.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

/** Debian's releases and the version of their glibc, as `getconf GNU_LIBC_VERSION` prints it there. */
const releases = {bullseye: '2.31', bookworm: '2.36', trixie: '2.41'} as const;
type Release = keyof typeof releases;

const glibcOf = (node: string) =>
  output(node, ['-p', 'process.report.getReport().header.glibcVersionRuntime']).trim();
const machine = glibcOf(process.execPath);

for (const release of Object.keys(releases) as Release[]) {
  if (releases[release] === machine) continue;
  test(
    `a node that was given ${release}'s glibc by VS Code Server's two calls runs on glibc ${releases[release]}`,
    withTools((t) => {
      t.timeout(900_000);
      const {node, libraries, loader} = installServer(t, release);
      t.is(glibcOf(node), machine);
      patch(t, '--set-rpath', libraries, node);
      patch(t, '--set-interpreter', loader, node);
      t.is(glibcOf(node), releases[release]);
      checkLibraries(t, node, libraries);
    }),
  );
}

test(
  "the next starts of VS Code Server patch nothing, and a server that runs is in nobody's way",
  withTools(async (t) => {
    t.timeout(900_000);
    const {node, libraries, loader} = installServer(t, machine === releases.trixie ? 'bookworm' : 'trixie');
    const running = spawn(node, ['-e', 'console.log("up"); process.stdin.resume()'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.teardown(() => running.kill());
    await once(running.stdout, 'data');
    // The other order, in which patchelf breaks the file, according to the script's comment.
    patch(t, '--set-interpreter', loader, node);
    patch(t, '--set-rpath', libraries, node);
    const {mtimeMs, ino} = statSync(node);
    patch(t, '--set-rpath', libraries, node);
    patch(t, '--set-interpreter', loader, node);
    t.like(statSync(node), {mtimeMs, ino});
    t.not(glibcOf(node), machine);
  }),
);

interface Server {
  readonly node: string;
  /** What VSCODE_SERVER_CUSTOM_GLIBC_PATH and VSCODE_SERVER_CUSTOM_GLIBC_LINKER say. */
  readonly libraries: string;
  readonly loader: string;
}

/** A copy of a whole Node, as VS Code Server ships it, and a release's C and C++ libraries in a directory. */
function installServer(t: ExecutionContext, release: Release): Server {
  const directory = tempDirectory(t);
  const glibc = path.join(directory, release);
  unpackDebian(release, ['libc6', 'libstdc++6', 'libgcc-s1'], glibc);
  const node = path.join(directory, 'server', 'node');
  mkdirSync(path.dirname(node));
  copyFileSync(wholeNode(), node);
  // The one in lib64 is a link to an absolute path.
  const found = output('find', [glibc, '-path', '*/x86_64-linux-gnu/ld-linux-x86-64.so.2']);
  const [loader = ''] = found.split('\n');
  return {
    node,
    loader,
    libraries: directoriesOf(glibc, ['libc.so.6', 'libstdc++.so.6', 'libgcc_s.so.1']).join(':'),
  };
}

function patch(t: ExecutionContext, ...args: string[]): void {
  t.deepEqual(run(patchelfProgram, args), {status: 0, signal: null, stdout: '', stderr: ''});
}

/** Check that everything node has loaded comes from the given directory. */
function checkLibraries(t: ExecutionContext, node: string, libraries: string): void {
  const loaded = output(node, ['-p', 'process.report.getReport().sharedObjects.join("\\n")'])
    .trim()
    .split('\n');
  const files = loaded.filter((file) => path.isAbsolute(file) && file !== node);
  const strays = files.filter((file) => !libraries.split(':').includes(path.dirname(file)));
  t.deepEqual(strays, []);
  t.true(
    files.some((file) => path.basename(file) === 'libc.so.6'),
    files.join(' '),
  );
}
