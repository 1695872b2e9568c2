/*
 * The programs in examples/, each run on a typical task, in an empty directory with the packed package.
 */
import {copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {elfinterp, projectDirectory} from './helpers/cli.js';
import {fixture} from './helpers/fixtures.js';
import {copyExample, userDirectory} from './helpers/package.js';
import {readelfDynamic, readelfInterpreter} from './helpers/readelf.js';
import {output, type RunResult, run, withTools} from './helpers/tools.js';

function example(name: string, args: readonly string[], cwd: string): RunResult {
  return run(process.execPath, [copyExample(cwd, name), ...args], {cwd});
}

test('each file of examples/ is run by a test', (t) => {
  const tests = ['examples', 'workflow', 'package/examples'].map((name) =>
    readFileSync(path.join(projectDirectory, 'test', `${name}.test.ts`), 'utf8'),
  );
  for (const name of readdirSync(path.join(projectDirectory, 'examples')))
    t.true(
      tests.some((text) => text.includes(`'${name}'`)),
      name,
    );
});

for (const name of readdirSync(path.join(projectDirectory, 'examples')).filter((file) =>
  file.endsWith('.js'),
))
  test(`${name}: without arguments it prints its usage`, (t) => {
    const {status, stdout, stderr} = example(name, [], userDirectory(t).directory);
    t.deepEqual({status, stdout}, {status: 2, stdout: ''});
    t.regex(stderr, /^usage: node [a-z-]+\.js [A-Z].*\n$/);
  });

test(
  'patch-in-memory: the program that comes out of the pipe asks for the new loader',
  withTools((t) => {
    const {directory} = userDirectory(t);
    const command = `"$0" "$1" /opt/app/ld.so '$ORIGIN/lib' < "$2" > patched`;
    const program = fixture('x86_64/needs-libprobe').path;
    const {status, stderr} = run(
      'sh',
      ['-c', command, process.execPath, copyExample(directory, 'patch-in-memory.js'), program],
      {cwd: directory},
    );
    t.is(status, 0, stderr);
    t.regex(stderr, /^0x[0-9a-f]+: \d+ bytes, .*interpreter/m);
    const patched = path.join(directory, 'patched');
    t.is(readelfInterpreter(patched), '/opt/app/ld.so');
    t.deepEqual(
      readelfDynamic(patched)
        .filter(({type}) => type === 'RUNPATH')
        .map(({string}) => string),
      ['$ORIGIN/lib'],
    );
  }),
);

test(
  'resolve-closure: it lists the files that the loader opens, and their size',
  withTools((t) => {
    const {status, stdout} = example('resolve-closure.js', ['/usr/bin/xz'], userDirectory(t).directory);
    t.is(status, 0);
    for (const line of output('ldd', ['/usr/bin/xz']).split('\n')) {
      const file = /(?:=> |^\s)(\/\S+)/.exec(line)?.[1];
      if (file !== undefined) t.true(stdout.includes(`  ${file}\n`), `${file}\n${stdout}`);
    }
    t.regex(stdout, /^ +\d{6,} {2}in \d+ files$/m);
  }),
);

test('resolve-closure: it says where a library was looked for', (t) => {
  const {directory} = userDirectory(t);
  mkdirSync(path.join(directory, 'root'));
  copyFileSync(fixture('armhf/needs-libprobe').path, path.join(directory, 'root', 'program'));
  const {status, stderr} = example('resolve-closure.js', ['/program', './root'], directory);
  t.is(status, 1);
  t.regex(stderr, /^missing: libprobe\.so\.1\n {4}not at \//m);
});

test(
  'lambda-layer: unpacked into /opt, the program runs without any other library',
  withTools((t) => {
    const {directory} = userDirectory(t);
    const {status, stdout, stderr} = example('lambda-layer.js', ['/usr/bin/xz', './layer'], directory);
    t.is(status, 0, stderr);
    t.regex(stdout, /^\d+ files, \d\.\d MB of the 250 MB/);
    t.deepEqual(readdirSync(path.join(directory, 'layer')), ['opt']);
    t.deepEqual(readdirSync(path.join(directory, 'layer', 'opt')), ['bin']);
    const {stdout: answer} = elfinterp(['chroot', 'run', './layer', '--', '/opt/bin/xz', '--version'], {
      cwd: directory,
    });
    t.regex(answer, /^xz \(XZ Utils\) /);
  }),
);

test(
  'native-modules: they load from wherever the application lies',
  withTools((t) => {
    const {directory} = userDirectory(t);
    buildApplication(directory);
    const load = ['-p', "require('./app/node_modules/answer/build/answer.node').answer"];
    t.regex(
      run(process.execPath, load, {cwd: directory}).stderr,
      /libanswer\.so: cannot open shared object file/,
    );
    const {status, stdout, stderr} = example('native-modules.js', ['./app', './app/lib'], directory);
    t.deepEqual([status, stderr], [0, '']);
    t.regex(
      stdout,
      /^node_modules\/answer\/build\/answer\.node: .*\$ORIGIN\/\.\.\/\.\.\/\.\.\/lib; finds all its libraries\n$/,
    );
    const elsewhere = path.join(directory, 'elsewhere');
    cpSync(path.join(directory, 'app'), path.join(elsewhere, 'app'), {recursive: true});
    t.is(output(process.execPath, load, {cwd: elsewhere}), '42\n');
  }),
);

test(
  'native-modules: a library of this machine that the application does not bring is named',
  withTools((t) => {
    const {directory} = userDirectory(t);
    const module = path.join(directory, 'app', 'module.node');
    mkdirSync(path.join(directory, 'app', 'lib'), {recursive: true});
    writeFileSync(path.join(directory, 'empty.c'), '');
    output('gcc', [
      '-shared',
      '-o',
      module,
      path.join(directory, 'empty.c'),
      '-Wl,--no-as-needed',
      '-l:libz.so.1',
    ]);
    const {status, stdout} = example('native-modules.js', ['./app', './app/lib'], directory);
    t.is(status, 1);
    t.regex(stdout, /; the application lacks libz\.so\.1\n$/);
  }),
);

test(
  'root-file-system: its programs run with it as their root',
  withTools((t) => {
    const {directory} = userDirectory(t);
    const programs = ['/bin/bash', '/usr/bin/ls', '/usr/bin/cat'];
    const {status, stdout, stderr} = example('root-file-system.js', ['./rootfs', ...programs], directory);
    t.is(status, 0, stderr);
    t.regex(stdout, /^\/bin\/libs\/libc\.so\.6 {2}<- {2}\//m);
    t.false(existsSync(path.join(directory, 'rootfs', 'lib')));
    const words = '. /etc/os-release; echo "$PRETTY_NAME"; ls /; cat /etc/passwd';
    const inside = elfinterp(['chroot', 'run', './rootfs', '--', '/bin/bash', '-c', words], {cwd: directory});
    t.is(
      inside.stdout,
      `only what is needed\nbin\ndev\netc\nproc\nroot\nsys\ntmp\nroot:x:0:0:root:/root:/bin/bash\n`,
    );
  }),
);

/** An application with a native module, three directories down, that needs a library of the application's. */
function buildApplication(directory: string): void {
  const build = path.join(directory, 'app', 'node_modules', 'answer', 'build');
  const lib = path.join(directory, 'app', 'lib');
  mkdirSync(build, {recursive: true});
  mkdirSync(lib);
  const compile = (name: string, code: string, ...args: string[]) => {
    const source = path.join(directory, `${name}.c`);
    writeFileSync(source, code);
    output('gcc', ['-shared', '-fPIC', source, ...args]);
  };
  compile(
    'library',
    'int answer(void) { return 42; }\n',
    '-o',
    path.join(lib, 'libanswer.so'),
    '-Wl,-soname,libanswer.so',
  );
  // The functions of Node-API that it uses, as https://nodejs.org/api/n-api.html has them.
  const module = `
    typedef void *napi_env, *napi_value;
    int napi_create_int32(napi_env, int, napi_value *);
    int napi_set_named_property(napi_env, napi_value, const char *, napi_value);
    int answer(void);
    napi_value napi_register_module_v1(napi_env env, napi_value exports) {
      napi_value number;
      napi_create_int32(env, answer(), &number);
      napi_set_named_property(env, exports, "answer", number);
      return exports;
    }
  `;
  compile('module', module, '-o', path.join(build, 'answer.node'), `-L${lib}`, '-lanswer');
}
