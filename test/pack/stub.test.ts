import {randomBytes} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {stubCode} from '../../src/pack/stub-code.js';
import {projectDirectory} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';
import {sourceFile} from './packing.js';

const compilers = {x86_64: 'gcc', aarch64: 'aarch64-linux-gnu-gcc'} as const;

/** The compiler that made the committed bytes. Another compiler makes different bytes, which must behave the same. */
const usual = '12.2.0';

function committed(machine: keyof typeof compilers): Buffer {
  return Buffer.from(stubCode[machine].join(''), 'base64');
}

for (const machine of ['x86_64', 'aarch64'] as const) {
  test(
    `the stub for ${machine} is what its source compiles to`,
    withTools((t) => {
      const built = path.join(tempDirectory(t), 'stub');
      output(path.join(projectDirectory, 'src/pack/stub/build.sh'), [machine, built]);
      const version = output(compilers[machine], ['-dumpfullversion']).trim();
      if (version === usual) t.deepEqual(readFileSync(built), committed(machine));
      else t.log(`compiled by gcc ${version}, not ${usual}: behaviour is compared instead`);
      t.regex(tryHandler(t, machine, readFileSync(built)), /^\d+ cases, 0 failed\n$/);
    }),
  );

  test(
    `the handler for ${machine} answers each system call and refuses what it must`,
    withTools((t) => {
      t.true(committed(machine).length < 4096);
      t.regex(tryHandler(t, machine, committed(machine)), /^2\d\d cases, 0 failed\n$/);
    }),
  );
}

/** Call the code of a stub from a C program, and return what that prints. */
function tryHandler(
  t: Parameters<typeof tempDirectory>[0],
  machine: keyof typeof compilers,
  code: Buffer,
): string {
  const directory = tempDirectory(t);
  const [handler, stub, data] = ['handler', 'stub', 'data'].map((name) => path.join(directory, name));
  if (handler === undefined || stub === undefined || data === undefined) return '';
  output(compilers[machine], ['-O1', '-static', '-o', handler, sourceFile('handler.c')]);
  writeFileSync(stub, code);
  writeFileSync(data, randomBytes(16 * 4096));
  return machine === 'x86_64'
    ? output(handler, [stub, data])
    : output('qemu-aarch64', [handler, stub, data], {env: {EMULATED: '1'}});
}
