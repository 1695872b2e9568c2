/*
 * Compare the start of a packed program with other ways to start the same program. All ways take turns in one run.
 * Prints the lower quartiles of CPU time (including the kernel's work for exec and page faults) and wall time, their
 * ratios to the system's program, and page faults.
 *
 *     npm run bench:pack [-- ROUNDS]
 *
 * Needs gcc, and arm-linux-gnueabihf-gcc to compile an ARM program. QEMU_ARM_STATIC may name a static emulator to
 * compare with.
 */
import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {basename, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {cli, workDirectory} from './helpers.js';

const rounds = process.argv[2] ?? '60';
const directory = workDirectory();
const run = (command, ...args) =>
  execFileSync(command, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']});
const compile = (name, text, ...flags) => {
  const source = join(directory, `${name}.c`);
  writeFileSync(source, text);
  run(
    flags[0]?.startsWith('-') ? 'gcc' : flags.shift(),
    '-O1',
    '-o',
    join(directory, name),
    source,
    ...flags,
  );
  return join(directory, name);
};

const starter = join(directory, 'start');
run('gcc', '-O1', '-o', starter, fileURLToPath(new URL('start.c', import.meta.url)));
const hello = compile('true', 'int main(void){return 0;}', '-pie');
const staticHello = compile('true-static', 'int main(void){return 0;}', '-static');

compare('a program that does nothing', hello, '', staticHello);
compare('curl --version', '/usr/bin/curl', '--version');
compare("python3 -c ''", '/usr/bin/python3', '-c pass');
const arm = ['arm-linux-gnueabihf-gcc', '-static'];
if (spawnSync(arm[0], ['--version']).status === 0)
  compare(
    "ARM's true",
    '/usr/bin/qemu-arm',
    compile('true-arm', 'int main(void){return 0;}', ...arm),
    process.env.QEMU_ARM_STATIC,
  );

function compare(title, program, args, ownStatic) {
  const name = basename(program);
  const packed = join(directory, `${name}-packed`);
  const fixed = join(directory, `${name}-fixed`);
  run(process.execPath, cli, 'pack', '--no-fixed-address', program, packed);
  run(process.execPath, cli, 'pack', '--fixed-address', program, fixed);
  const libraries = join(directory, `${name}-libraries`);
  run(process.execPath, cli, 'unpack', packed, '--into', libraries);
  const loader = join(libraries, 'ld-linux-x86-64.so.2');
  const launcher = compile(
    `${name}-launcher`,
    `#include <unistd.h>\nint main(int c, char **v){ char *a[64] = {"ld.so", "--library-path", "${libraries}", "${program}"}; for (int i = 1; i < c && i < 59; i++) a[i + 3] = v[i]; return execv("${loader}", a), 126; }`,
    '-static',
  );
  const bundle = join(directory, `${name}-bundle`);
  mkdirSync(bundle);
  run(process.execPath, cli, 'bundle', program, '--into', '/', '--prefix', bundle, '--no-isolate');
  const ways = {
    "the system's own": program,
    packed,
    'packed, fixed addresses': fixed,
    bundle: join(bundle, name),
    'ld.so --library-path': `${loader} --library-path ${libraries} ${program}`,
    'static launcher of ld.so': launcher,
    ...(ownStatic && existsSync(ownStatic) && {static: ownStatic}),
  };
  const lines = run(starter, rounds, ...Object.values(ways).map((way) => `${way} ${args}`))
    .trim()
    .split('\n');
  const times = lines.map((line) => line.split(' ').map(Number));
  console.log(`${title}, ${rounds} rounds`);
  for (const [i, way] of Object.keys(ways).entries()) {
    const [cpu, wall, faults] = times[i].map(
      (value, k) => `${String(value).padStart(8)} ${(value / times[0][k]).toFixed(2).padStart(5)}`,
    );
    console.log(`  ${way.padEnd(26)} CPU (us)${cpu}   wall (us)${wall}   page faults${faults}`);
  }
}
