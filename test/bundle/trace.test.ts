/* `bundle --trace` runs the program to find what no header lists. */
import {copyFileSync, existsSync, linkSync, mkdirSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {elfinterp} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

interface Built {
  readonly work: string;
  readonly program: string;
}

/** A program that reads data, opens a library by its name and a module by its path, runs a helper, and writes. */
function build(t: ExecutionContext): Built {
  output('strace', ['-V']);
  const work = tempDirectory(t);
  mkdirSync(join(work, 'libs'));
  mkdirSync(join(work, 'my data'));
  const compile = (name: string, source: string, ...args: string[]) => {
    writeFileSync(join(work, 'source.c'), source);
    const options = ['-Wl,--disable-new-dtags', `-L${work}/libs`, `-Wl,-rpath,${work}/libs`];
    output('gcc', ['-o', join(work, name), join(work, 'source.c'), ...options, ...args]);
  };
  const library = ['-shared', '-fPIC'];
  compile('libs/libdeep.so', 'int deep(void) { return 1; }', ...library);
  compile('libs/libplug.so', 'int deep(void); int f(void) { return deep(); }', ...library, '-ldeep');
  compile('module.so', 'int g(void) { return 1; }', ...library);
  compile('helper', 'int deep(void); int main(void) { return deep() - 1; }', '-ldeep');
  writeFileSync(join(work, "my data/it's"), 'data');
  writeFileSync(join(work, 'script'), `#!${work}/helper\n`, {mode: 0o755});
  const source = `
    #include <dlfcn.h>
    #include <stdio.h>
    #include <stdlib.h>
    int main(int c, char **v) {
      int good = fopen("my data/it's", "r") != 0 && fopen("/etc/hostname", "r") != 0 && fopen("/proc/version", "r");
      good &= fopen("output", "w") != 0 && fopen("absent", "r") == 0;
      good &= dlopen("libplug.so", RTLD_NOW) != 0 && dlopen("${work}/module.so", RTLD_NOW) != 0;
      return good && system("./script") == 0 ? c - 1 : 99;
    }`;
  compile('program', source);
  return {work, program: join(work, 'program')};
}

const trace = (work: string, options: readonly string[], command: readonly string[] = ['./program']) =>
  elfinterp(['bundle', './program', '--into', 'out', ...options, '--trace', '--', ...command], {cwd: work});

test(
  'what a run opens and the bundle lacks is printed as options, which bring it',
  withTools((t) => {
    const {work} = build(t);
    const {status, stdout, stderr} = trace(work, []);
    t.is(status, 0, stderr);
    const options = stdout.split('\n').filter((line) => line.startsWith('  --'));
    const inside = work.slice(1);
    t.deepEqual(
      options.map((line) => line.replace(/^ {2}| \\$/g, '')).filter((line) => !/=(?:usr|bin)\//.test(line)),
      [
        `--file '${work}/my data/it'\\''s=${inside}/my data/it'\\''s'`,
        '--file /etc/hostname=etc/hostname',
        '--library libplug.so',
        `--file ${work}/module.so=${inside}/module.so`,
        `--file ${work}/script=${inside}/script`,
        `--file ${work}/helper=${inside}/helper`,
      ],
    );
    t.true(existsSync(join(work, 'out/opt/program/program')));
    const again = run('sh', ['-c', `printf '%s\\n' ${options.join('\n')}`])
      .stdout.trim()
      .split('\n');
    const second = trace(work, again, ['./program', 'fail']);
    t.is(second.status, 0, second.stderr);
    t.regex(
      second.stderr,
      /the traced command ended with exit status 1\n.*opened nothing that is not in the bundle/,
    );
    t.notRegex(second.stdout, /^ {2}--/m);
  }),
);

test(
  'a file that a run knows by two names is printed with both',
  withTools((t) => {
    const work = tempDirectory(t);
    copyFileSync('/bin/true', join(work, 'tool'));
    writeFileSync(join(work, 'data'), 'data');
    for (const name of ['tool', 'data']) symlinkSync(name, join(work, `${name}-link`));
    linkSync(join(work, 'data'), join(work, 'data-hard'));
    const names = ['data-link', 'data', 'data-hard', 'tool-link', 'tool'];
    const script = 'cat data-link data data-hard && ./tool-link && ./tool && cat data tool';
    const place = ['bundle', '/bin/cat', '--into', join(work, 'out'), '--prefix', '/'];
    const traced = (files: readonly string[]) => {
      const {stdout} = elfinterp([...place, ...files, '--trace', '--', 'sh', '-ec', script], {cwd: work});
      return stdout.split('\n').filter((line) => line.includes(`--file ${work}/`));
    };
    const options = names.map((name) => ['--file', `${work}/${name}=${work.slice(1)}/${name}`]);
    t.deepEqual(
      traced([]).map((line) => line.replace(/ \\$/, '').trim()),
      options.map((words) => words.join(' ')),
    );
    t.deepEqual(traced(options.flat()), []);
  }),
);

test(
  'data of the C library is printed as the options for it',
  withTools((t) => {
    const work = tempDirectory(t);
    writeFileSync(join(work, 'text'), Buffer.from([0xa4, 0xa2]));
    const command = ['/usr/bin/iconv', '-f', 'EUC-JP', '-t', 'UTF-8', join(work, 'text')];
    const args = ['bundle', '/usr/bin/iconv', '--into', join(work, 'out')];
    const env = {LC_ALL: 'C.UTF-8'};
    const {status, stdout, stderr} = elfinterp([...args, '--trace', '--', ...command], {env});
    t.is(status, 0, stderr);
    const options = stdout.split('\n').filter((line) => line.startsWith('  --'));
    t.deepEqual(
      options
        .map((line) => line.trim().replace(/ \\$/, ''))
        .filter((line) => !line.startsWith('--file /usr/')),
      ['--locale C.utf8', '--gconv', `--file ${work}/text=${work.slice(1)}/text`],
    );
    const again = [...args, '--locale', 'C.utf8', '--gconv', '--json', '--trace', '--', ...command];
    const {trace: traced} = JSON.parse(elfinterp(again, {env}).stdout);
    t.deepEqual(
      traced.options.filter(({option}: {option: string}) => option !== '--file'),
      [],
    );
  }),
);

test(
  'a script that names itself as its interpreter is data like any other',
  withTools((t) => {
    const {work} = build(t);
    writeFileSync(join(work, 'own'), `#!${work}/own\n`);
    const {status, stdout, stderr} = trace(work, ['--json'], ['cat', 'own']);
    t.is(status, 0, stderr);
    const {options} = JSON.parse(stdout).trace;
    t.is(options.filter(({value}: {value: string}) => value.startsWith(`${work}/own=`)).length, 1);
  }),
);

test(
  'so is it of a relocatable bundle, and as JSON',
  withTools((t) => {
    const {work} = build(t);
    const {status, stdout, stderr} = trace(work, ['--relocatable', '--json']);
    t.is(status, 0, stderr);
    const {files, trace: traced} = JSON.parse(stdout);
    t.true(files.some(({path}: {path: string}) => path === 'bin/program'));
    t.deepEqual({status: traced.status, skipped: traced.skipped}, {status: 0, skipped: 0});
    const plug = {option: '--library', value: 'libplug.so', text: '--library libplug.so'};
    t.deepEqual(
      traced.options.filter(({option}: {option: string}) => option === '--library'),
      [plug],
    );
  }),
);

test(
  'a command that does not start leaves no bundle, and a command line without one is wrong',
  withTools((t) => {
    const {work} = build(t);
    const failed = trace(work, [], ['./no-such-program']);
    t.is(failed.status, 1);
    t.regex(failed.stderr, /no-such-program: the command to trace did not start/);
    t.is(elfinterp(['bundle', './program', '--into', 'out', '--trace'], {cwd: work}).status, 2);
    t.is(trace(work, ['--root', '/']).status, 2);
    t.false(existsSync(join(work, 'out')));
    // Without --trace, what follows the dashes is a program as usual.
    const plain = elfinterp(['bundle', '--into', 'out', '--', './program'], {cwd: work});
    t.is(plain.status, 0, plain.stderr);
  }),
);
