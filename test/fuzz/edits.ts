/*
 * The edits that every input is planned for: each kind of edit, small and large, and some combinations, each with what
 * a reader must find in the result.
 */
import type {EditRequest} from '../../src/edit/request/request.js';
import type {Found} from './own-reader.js';

/** A request, and whether the edited file satisfies it; `before` is what was found in the original file. */
export interface Edit {
  readonly request: EditRequest;
  isDone(after: Found, before: Found): boolean;
}

const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_DEBUG = 21;
const DT_RUNPATH = 29;
const DT_FLAGS_1 = 0x6ffffffb;
const DF_1_NODEFLIB = 0x800n;

const longPath = `/${'i'.repeat(150)}/ld.so`;
const longList = `/${'r'.repeat(300)}`;
const rpathOf = ({strings}: Found) => strings.get(DT_RPATH);
const runpathOf = ({strings}: Found) => strings.get(DT_RUNPATH);
const searchPath = (found: Found) => runpathOf(found) ?? rpathOf(found);
const has = (libraries: readonly string[], {needed}: Found) =>
  libraries.every((name) => needed.includes(name));

const interpreterIs =
  (path: string): Edit['isDone'] =>
  ({interpreter}) =>
    interpreter === path;

export const edits: readonly Edit[] = [
  {request: {interpreter: '/x'}, isDone: interpreterIs('/x')},
  {request: {interpreter: longPath}, isDone: interpreterIs(longPath)},
  {request: {interpreter: longPath, payload: 'move'}, isDone: interpreterIs(longPath)},
  {request: {interpreter: '/lib/new.so', addInterpreter: true}, isDone: interpreterIs('/lib/new.so')},
  {
    request: {rpath: '/opt/lib'},
    isDone: (after) => rpathOf(after) === '/opt/lib' && runpathOf(after) === undefined,
  },
  {
    request: {runpath: longList},
    isDone: (after) => runpathOf(after) === longList && rpathOf(after) === undefined,
  },
  {
    request: {addRpath: '/more:/still/more'},
    isDone: (after) => searchPath(after)?.includes('/still/more') === true,
  },
  {
    request: {convertRpath: 'runpath'},
    isDone: (after, before) => runpathOf(after) === searchPath(before) && rpathOf(after) === undefined,
  },
  {request: {removeRpath: true}, isDone: (after) => searchPath(after) === undefined},
  {
    request: {addNeeded: ['libmore.so', 'libc.so.6']},
    isDone: (after) => has(['libmore.so', 'libc.so.6'], after),
  },
  {request: {addNeededFirst: ['libfirst.so']}, isDone: ({needed}) => needed[0] === 'libfirst.so'},
  {request: {removeNeeded: ['libc.so.6']}, isDone: ({needed}) => !needed.includes('libc.so.6')},
  {
    request: {replaceNeeded: {'libc.so.6': 'libc-of-another-name.so.6'}},
    isDone: ({needed}, before) =>
      needed.every((name) => name !== 'libc.so.6') && needed.length === before.needed.length,
  },
  {request: {soname: 'libnew.so.9'}, isDone: ({strings}) => strings.get(DT_SONAME) === 'libnew.so.9'},
  {
    request: {noDefaultLib: true},
    isDone: ({values}) => ((values.get(DT_FLAGS_1) ?? 0n) & DF_1_NODEFLIB) !== 0n,
  },
  {request: {execStack: true}, isDone: ({isStackExecutable}) => isStackExecutable === true},
  {request: {execStack: false}, isDone: ({isStackExecutable}) => isStackExecutable === false},
  {request: {osAbi: 'FreeBSD'}, isDone: ({osAbi}) => osAbi === 9},
  {request: {addDebugTag: true}, isDone: ({values}) => values.has(DT_DEBUG)},
  {request: {clearSymbolVersions: ['puts', 'probe_version']}, isDone: sameNeeds},
  {request: {renameSymbols: {puts: 'puts_of_another_name', probe_answer: 'p'}}, isDone: sameNeeds},
  {
    request: {
      interpreter: '/lib/elsewhere/ld.so',
      rpath: '/lib/elsewhere',
      addNeeded: ['libmore.so'],
      soname: 's',
    },
    isDone: (after) =>
      interpreterIs('/lib/elsewhere/ld.so')(after, after) &&
      rpathOf(after) === '/lib/elsewhere' &&
      has(['libmore.so'], after),
  },
];

/** Edits of symbols change nothing that the short reader sees. */
function sameNeeds(after: Found, before: Found): boolean {
  return after.interpreter === before.interpreter && after.needed.join() === before.needed.join();
}
