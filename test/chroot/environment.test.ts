import {mkdirSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {chooseEnvironment} from '../../src/chroot/environment.js';
import {elfinterp, program} from '../helpers/cli.js';
import {output, withTools} from '../helpers/tools.js';
import {nativeRoot} from './native-root.js';

const env = {
  PATH: '/usr/bin:/opt/bin',
  LANG: 'de_DE',
  HOME: '/home/me',
  TERM: 'vt100',
  https_proxy: 'p',
  QEMU_CPU: 'x',
};

test('the environment is passed on, its PATH with the administration directories at the end', (t) => {
  t.deepEqual(chooseEnvironment(env, {variables: {LANG: 'C', A: '1'}}), {
    ...env,
    PATH: '/usr/bin:/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin',
    LANG: 'C',
    A: '1',
  });
});

test('left behind, it is what a program needs at least: PATH, HOME, the terminal, proxies, what qemu reads', (t) => {
  t.deepEqual(chooseEnvironment(env, {keepEnv: false, variables: {A: '1'}}), {
    HOME: '/root',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    TERM: 'vt100',
    https_proxy: 'p',
    QEMU_CPU: 'x',
    A: '1',
  });
});

/** Names that a shell does not accept, and names that it reserves for itself. */
const oddVariables = {
  'x.y': '1',
  'INPUT_NODE-VERSION': 'a  "b" $(c)',
  '-n': 'x',
  'BASH_FUNC_f%%': '() { :; }',
  'LD_x.y': '2',
  IFS: 'x',
  OPTIND: '7',
};

test(
  'variables that a shell would not pass on arrive, and with a terminal of its own as well',
  withTools((t) => {
    const root = nativeRoot(t);
    const given = Object.entries(oddVariables).map(([name, value]) => `--env=${name}=${value}`);
    const {stdout} = elfinterp(['chroot', 'run', ...given, root, '--', '/bin/guest', 'env'], {
      env: {'OUTSIDE.OF': '3'},
    });
    const lines = stdout.split('\n');
    for (const [name, value] of Object.entries({...oddVariables, 'OUTSIDE.OF': '3'}))
      t.true(lines.includes(`${name}=${value}`), name);
    t.notRegex(stdout, /^elfinterp_/m);
    const line = `exec ${process.execPath} ${program} chroot run --env x.y=1 --env 'INPUT_A-B=2 "3"' ${root} -- /bin/guest env`;
    const onTerminal = output('script', ['-qec', line, '/dev/null']).split('\r\n');
    for (const variable of ['x.y=1', 'INPUT_A-B=2 "3"']) t.true(onTerminal.includes(variable), variable);
  }),
);

test(
  'they arrive in a command of this machine, and its arguments stay as they are',
  withTools((t) => {
    const {stdout, stderr} = elfinterp(['binfmt', 'run', 'arm64', '--', 'env', 'a.b=5', 'env'], {
      env: {'x.y': '1', IFS: 'q'},
    });
    t.is(stderr, '');
    for (const variable of ['x.y=1', 'IFS=q', 'a.b=5'])
      t.true(stdout.split('\n').includes(variable), variable);
  }),
);

test(
  'PWD is where the command starts, in a chroot and on this machine',
  withTools((t) => {
    const root = nativeRoot(t);
    const inside = elfinterp(['chroot', 'run', '--cwd=/bin', root, '--', '/bin/guest', 'env']);
    t.true(inside.stdout.split('\n').includes('PWD=/bin'), inside.stdout + inside.stderr);
    const [directory, link] = [join(root, 'real'), join(root, 'link')];
    mkdirSync(directory);
    symlinkSync('real', link);
    // Whatever the shells in between do with PWD, and even if the caller has none.
    for (const [cwd, PWD, expected] of [
      [link, link, link],
      [link, undefined, directory],
    ] as const) {
      const {stdout, stderr} = elfinterp(['binfmt', 'run', 'arm64', '--', 'env'], {cwd, env: {PWD}});
      t.true(stdout.split('\n').includes(`PWD=${expected}`), stdout + stderr);
    }
  }),
);

test(
  'the PATH of the command needs no directory of this machine',
  withTools((t) => {
    const guest = ['/bin/guest', 'cat', '/proc/self/mountinfo'];
    const args = ['chroot', 'run', '--env=PATH=/nowhere', nativeRoot(t), '--', ...guest];
    const {status, stdout, stderr} = elfinterp(args);
    t.deepEqual([status, stderr], [0, '']);
    for (const place of ['/dev/pts', '/dev/shm']) t.true(stdout.includes(` ${place} `), place);
  }),
);
