import {spawnSync} from 'node:child_process';
import {Ehdr, Ident} from '../../src/elf/records.js';
import {elfinterpAsNobody} from '../helpers/cli.js';
import {output} from '../helpers/tools.js';
import {glibcScenarios, type Scenario} from './scenario.js';
import {askLoader, type Workshop} from './workshop.js';

/** Two directories on one search path: a bad candidate in the first, a good library in the second. */
function badThenGood(w: Workshop, bad: (path: string) => void): void {
  bad('bad/libA.so');
  w.library('good/libA.so');
  w.program('p', {needed: ['libA.so'], rpath: `${w.path('bad')}:${w.path('good')}`});
}

/** A library with some bytes of its header changed. */
function headerByte(w: Workshop, path: string, change: (bytes: Buffer) => void): void {
  w.library(path);
  w.doctor(path, (bytes) => void change(bytes));
}

const headerField = (field: Parameters<typeof Ehdr.offsetOf>[0]) => 16 + Ehdr.offsetOf(field, 64);
const identField = (field: Parameters<typeof Ident.offsetOf>[0]) => Ident.offsetOf(field, 64);

const passedOver: Scenario = {program: 'p', expect: ['good/libA.so']};
const gaveUp = (fatal: string): Scenario => ({program: 'p', expect: [], fatal});

glibcScenarios({
  'a directory that does not exist is passed over'(w) {
    badThenGood(w, () => undefined);
    return passedOver;
  },
  'a dangling link is passed over'(w) {
    badThenGood(w, (path) => w.link(path, '/nowhere'));
    return passedOver;
  },
  'a file in the place of a directory is passed over'(w) {
    badThenGood(w, () => w.write('bad', 'not a directory'));
    return passedOver;
  },
  'another ELF class is passed over'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt8(1, identField('EI_CLASS'))),
    );
    return passedOver;
  },
  'another machine is passed over'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt16LE(183, headerField('e_machine'))),
    );
    return passedOver;
  },
  'another class in every place is not found'(w) {
    headerByte(w, 'bad/libA.so', (bytes) => void bytes.writeUInt8(1, identField('EI_CLASS')));
    w.program('p', {needed: ['libA.so'], rpath: w.path('bad')});
    return {program: 'p', expect: ['libA.so: not found']};
  },
  'another byte order is fatal'(w) {
    badThenGood(w, (path) => headerByte(w, path, (bytes) => void bytes.writeUInt8(2, identField('EI_DATA'))));
    return gaveUp('ELF file data encoding not little-endian');
  },
  'a linker script is fatal'(w) {
    badThenGood(w, (path) => w.write(path, `/* GNU ld script */ GROUP ( libA.so.1 ) ${' '.repeat(64)}`));
    return gaveUp('invalid ELF header');
  },
  'an empty file is fatal'(w) {
    badThenGood(w, (path) => w.write(path, ''));
    return gaveUp('file too short');
  },
  'a file shorter than its header is fatal'(w) {
    badThenGood(w, (path) => {
      w.library(path);
      w.doctor(path, (bytes) => bytes.subarray(0, 63));
    });
    return gaveUp('file too short');
  },
  'a file shorter than its program headers is fatal'(w) {
    badThenGood(w, (path) => {
      w.library(path);
      w.doctor(path, (bytes) => bytes.subarray(0, 100));
    });
    return gaveUp('cannot read file data');
  },
  'a directory of that name is fatal'(w) {
    badThenGood(w, (path) => w.write(`${path}/inside`, ''));
    return gaveUp('cannot read file data: is a directory');
  },
  'an EI_VERSION of the future is fatal'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt8(2, identField('EI_VERSION'))),
    );
    return gaveUp('ELF file version ident does not match current one');
  },
  'an e_version of the future is fatal'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt32LE(2, headerField('e_version'))),
    );
    return gaveUp('ELF file version does not match current one');
  },
  'the OS ABI of FreeBSD is fatal'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt8(9, identField('EI_OSABI'))),
    );
    return gaveUp('ELF file OS ABI invalid');
  },
  'the OS ABI of GNU is accepted'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt8(3, identField('EI_OSABI'))),
    );
    return {program: 'p', expect: ['bad/libA.so']};
  },
  'an ABI version that is too new is fatal'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => {
        bytes.writeUInt8(3, identField('EI_OSABI'));
        bytes.writeUInt8(4, identField('EI_ABIVERSION'));
      }),
    );
    return gaveUp('ELF file ABI version invalid');
  },
  'an ABI version without the OS ABI of GNU is fatal'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt8(1, identField('EI_ABIVERSION'))),
    );
    return gaveUp('ELF file ABI version invalid');
  },
  'a byte in the padding of e_ident is fatal'(w) {
    badThenGood(w, (path) => headerByte(w, path, (bytes) => void bytes.writeUInt8(1, 12)));
    return gaveUp('nonzero padding in e_ident');
  },
  'another machine is passed over before e_type is looked at'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => {
        bytes.writeUInt16LE(1, headerField('e_type'));
        bytes.writeUInt16LE(183, headerField('e_machine'));
      }),
    );
    return passedOver;
  },
  'a relocatable object is fatal'(w) {
    badThenGood(w, (path) => {
      w.library(path);
      output('gcc', ['-c', '-x', 'c', '-', '-o', w.path(path)], {input: 'int x;'});
    });
    return gaveUp('only ET_DYN and ET_EXEC can be loaded');
  },
  'an ET_EXEC is fatal'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt16LE(2, headerField('e_type'))),
    );
    return gaveUp('cannot dynamically load executable');
  },
  'a position-independent executable is fatal'(w) {
    badThenGood(w, (path) => w.program(path));
    return gaveUp('cannot dynamically load position-independent executable');
  },
  'a wrong size of program headers is fatal'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt16LE(57, headerField('e_phentsize'))),
    );
    return gaveUp("ELF file's phentsize not the expected size");
  },
  'a file without segments to load is fatal'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => void bytes.writeUInt16LE(0, headerField('e_phnum'))),
    );
    return gaveUp('object file has no loadable segments');
  },
  'a file without a dynamic section is fatal'(w) {
    badThenGood(w, (path) =>
      headerByte(w, path, (bytes) => {
        const table = Number(bytes.readBigUInt64LE(headerField('e_phoff')));
        for (let i = 0; i < bytes.readUInt16LE(headerField('e_phnum')); i++) {
          if (bytes.readUInt32LE(table + i * 56) === 2) bytes.writeUInt32LE(0, table + i * 56);
        }
      }),
    );
    return gaveUp('object file has no dynamic section');
  },
  'a link to itself ends the list'(w) {
    badThenGood(w, (path) => w.link(path, 'libA.so'));
    return {program: 'p', expect: ['libA.so: not found']};
  },
  'a link to itself ends the list, and the next stage goes on'(w) {
    badThenGood(w, (path) => w.link(path, 'libA.so'));
    w.library('env/libA.so');
    const libraryPath = w.path('env');
    return {
      program: 'p',
      expect: ['env/libA.so'],
      start: {env: {LD_LIBRARY_PATH: libraryPath}},
      options: {libraryPath},
    };
  },
  'a directory that is a link to itself is passed over'(w) {
    badThenGood(w, () => w.link('bad', 'bad'));
    return passedOver;
  },
  'a file of the wrong class in LD_LIBRARY_PATH does not hide the cache'(w) {
    headerByte(w, 'bad/libz.so.1', (bytes) => void bytes.writeUInt8(1, identField('EI_CLASS')));
    w.program('p', {needed: ['libz.so.1']});
    const libraryPath = w.path('bad');
    return {
      program: 'p',
      expect: libraryOfSystem('libz.so.1'),
      start: {env: {LD_LIBRARY_PATH: libraryPath}},
      options: {libraryPath},
    };
  },
  'a text file in LD_LIBRARY_PATH hides the cache, and is fatal'(w) {
    w.write('bad/libz.so.1', 'x'.repeat(100));
    w.program('p', {needed: ['libz.so.1']});
    const libraryPath = w.path('bad');
    return {
      ...gaveUp('invalid ELF header'),
      start: {env: {LD_LIBRARY_PATH: libraryPath}},
      options: {libraryPath},
    };
  },
  'a library that cannot be read is passed over'(w, t) {
    badThenGood(w, (path) => {
      w.library(path);
      output('chmod', ['000', w.path(path)]);
    });
    if (process.getuid?.() !== 0) return passedOver;
    // Root can read everything, so run both as another user.
    const program = w.path('p');
    const good = w.path('good/libA.so');
    t.deepEqual(askLoader(program, {uid: 65534}).files.slice(0, 1), [good]);
    const {stdout} = elfinterpAsNobody(['tree', '--list', program]);
    t.is(stdout.split('\n')[0], good);
    return undefined;
  },
});

/** What the cache says about a library, and about the one that it needs. */
function libraryOfSystem(name: string): string[] {
  const {stdout} = spawnSync('/sbin/ldconfig', ['-p'], {encoding: 'utf8'});
  return [name, 'libc.so.6'].map((wanted) => {
    const line = stdout.split('\n').find((text) => text.startsWith(`\t${wanted} (libc6,x86-64)`));
    return line?.split(' => ')[1] ?? `${wanted} is not in the cache`;
  });
}
