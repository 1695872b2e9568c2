/* A chroot that somebody else prepared: whatever its links and names say, nothing outside is read or written. */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {program as command} from '../helpers/cli.js';
import {strace} from '../helpers/strace.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const system = '/lib/x86_64-linux-gnu';
const names = ['absolute', 'climbing', 'loop', 'chain', 'fifo', 'device', 'directory', 'dangling'] as const;

interface Trap {
  readonly root: string;
  /** What must not be touched: a directory beside the chroot, with good libraries under every requested name. */
  readonly outside: string;
}

/** A program that needs libraries by every devious path, in a chroot where each leads outside or nowhere. */
function setTrap(t: ExecutionContext): Trap {
  const parent = realpathSync(tempDirectory(t));
  const [root, outside] = [path.join(parent, 'root'), path.join(parent, 'outside')];
  for (const directory of ['root/bin', 'root/lib64', 'root/etc', `root${system}`, 'outside']) {
    mkdirSync(path.join(parent, directory), {recursive: true});
  }
  const decoy = compile(outside, 'libdecoy.so', 'int decoy;', ['-shared', '-fPIC']);
  const wanted = names.map((name) => `lib${name}.so`);
  for (const name of [...wanted, 'needed.so', 'ld.so.cache', 'preload.so']) {
    copyFileSync(decoy, path.join(outside, name));
  }
  const up = '../'.repeat(12);
  const lib = (name: string) => path.join(root, system, `lib${name}.so`);
  symlinkSync(path.join(outside, 'libabsolute.so'), lib('absolute'));
  symlinkSync(`${up}${outside.slice(1)}/libclimbing.so`, lib('climbing'));
  symlinkSync('libloop.so', lib('loop'));
  symlinkSync('/hop/libchain.so', lib('chain'));
  symlinkSync('/hop2', path.join(root, 'hop'));
  symlinkSync(`..${outside}`, path.join(root, 'hop2'));
  output('mkfifo', [lib('fifo')]);
  run('mknod', [lib('device'), 'c', '1', '5']);
  mkdirSync(lib('directory'));
  symlinkSync('/nowhere', lib('dangling'));
  symlinkSync(path.join(outside, 'ld.so.cache'), path.join(root, 'etc/ld.so.cache'));
  writeFileSync(path.join(root, 'etc/ld.so.preload'), `${outside}/preload.so ../../../preload.so\n`);
  symlinkSync(outside, path.join(root, 'rpath'));
  for (const name of ['libc.so.6', 'libgcc_s.so.1']) {
    copyFileSync(path.join(system, name), path.join(root, system, name));
  }
  copyFileSync('/lib64/ld-linux-x86-64.so.2', path.join(root, 'lib64/ld-linux-x86-64.so.2'));
  const program = compile(path.join(root, 'bin'), 'p', 'int main(void) { return 0; }', []);
  for (const name of [...wanted, `${up}${outside.slice(1)}/needed.so`, `${outside}/needed.so`]) {
    output('patchelf', ['--add-needed', name, program]);
  }
  output('patchelf', [
    '--force-rpath',
    '--set-rpath',
    `/rpath:/hop:$ORIGIN/../../outside:${outside}`,
    program,
  ]);
  return {root, outside};
}

function compile(directory: string, name: string, source: string, args: readonly string[]): string {
  const file = path.join(directory, name);
  writeFileSync(`${file}.c`, source);
  output('gcc', ['-o', file, `${file}.c`, ...args]);
  run('rm', [`${file}.c`]);
  return file;
}

/** Run elfinterp under strace, and return its output and the real path of every file that it opened. */
function traced(trap: Trap, args: readonly string[]): {stdout: string; stderr: string; opened: string[]} {
  const log = path.join(mkdtempSync(path.join(path.dirname(trap.root), 'trace-')), 'log');
  const tracing = ['-f', '-y', '-qq', '-s', '4096', '-o', log, '-e', 'trace=%file'];
  const [program, ...words] = strace(...tracing, process.execPath, command, ...args);
  const {stdout, stderr} = run(program, words);
  const opened = [...readFileSync(log, 'utf8').matchAll(/= \d+<([^>]+)>$/gm)].map(([, file = '']) => file);
  return {stdout, stderr, opened};
}

/** Everything below a directory, with what would change if it were touched. */
function snapshot(directory: string): string[] {
  return readdirSync(directory, {recursive: true, encoding: 'utf8'})
    .sort()
    .map((name) => {
      const {ino, size, mode, mtimeNs, ctimeNs} = lstatSync(path.join(directory, name), {bigint: true});
      return `${name} ${ino} ${size} ${mode} ${mtimeNs} ${ctimeNs}`;
    });
}

test(
  'tree in a hostile chroot opens nothing outside, hangs on nothing and finds each trap for what it is',
  withTools((t) => {
    const trap = setTrap(t);
    const {root, outside} = trap;
    const {stdout, opened} = traced(trap, ['tree', '--json', '--root', root, '/bin/p']);
    t.deepEqual(
      opened.filter((file) => file.startsWith(outside)),
      [],
    );
    t.true(opened.includes(path.join(root, 'bin/p')), 'strace sees what is opened');
    const [{nodes, misses}] = JSON.parse(stdout);
    for (const node of nodes) {
      t.true(node.host.startsWith(`${root}/`), node.host);
      t.is(realpathSync(node.host), node.host);
    }
    const missing = new Map<string, string | null>(
      misses.map((miss: {name: string; fatal: string | null}) => [miss.name, miss.fatal]),
    );
    for (const name of names) t.true(missing.has(`lib${name}.so`), name);
    t.true(missing.has(`${outside}/needed.so`));
    t.regex(missing.get('libfifo.so') ?? '', /not a regular file/);
    t.regex(missing.get('libdirectory.so') ?? '', /directory/);
    if (existsSync(path.join(root, system, 'libdevice.so'))) {
      t.regex(missing.get('libdevice.so') ?? '', /not a regular file/);
    }
  }),
);

test(
  'after chroot the real loader agrees that nothing of it is there',
  withTools((t) => {
    const {root} = setTrap(t);
    const said = run('chroot', [root, '/lib64/ld-linux-x86-64.so.2', '--list', '/bin/p']);
    t.not(said.status, 0);
    t.regex(`${said.stdout}${said.stderr}`, /not found|cannot open|cannot read/);
  }),
);

test(
  'a bundle out of a hostile chroot, and into one, reads and writes nothing outside',
  withTools((t) => {
    const trap = setTrap(t);
    const {root, outside} = trap;
    const before = snapshot(outside);
    const into = path.join(path.dirname(root), 'into');
    const from = traced(trap, ['bundle', '/bin/p', '--root', root, '--into', into]);
    t.regex(from.stderr, /was not found/);
    t.false(existsSync(path.join(into, 'opt')));
    for (const [link, target] of [
      ['debootstrap', outside],
      ['opt', `..${outside}`],
      ['usr', '/hop'],
    ] as const) {
      symlinkSync(target, path.join(root, link));
    }
    const attempts = ['/debootstrap', '/opt/emulator', '/usr/libexec/elfinterp'].map((prefix) =>
      traced(trap, ['bundle', '/bin/true', '--into', root, '--prefix', prefix]),
    );
    for (const {stderr} of attempts) t.regex(stderr, /is not a real directory there/);
    for (const {opened} of [from, ...attempts]) {
      t.deepEqual(
        opened.filter((file) => file.startsWith(outside)),
        [],
      );
    }
    t.deepEqual(snapshot(outside), before);
  }),
);

test(
  'data files are taken from inside the root, and a link that leads outside is not followed there',
  withTools((t) => {
    const trap = setTrap(t);
    const {root, outside} = trap;
    writeFileSync(path.join(outside, 'secret'), 'secret');
    symlinkSync(path.join(outside, 'secret'), path.join(root, 'etc/data'));
    copyFileSync('/bin/true', path.join(root, 'bin/true'));
    const into = path.join(path.dirname(root), 'into');
    const result = traced(trap, [
      'bundle',
      '/bin/true',
      '--root',
      root,
      '--into',
      into,
      '--file',
      '/etc/data',
    ]);
    t.regex(result.stderr, /\/etc\/data: no such file or directory/);
    t.false(existsSync(path.join(into, 'opt')));
  }),
);
