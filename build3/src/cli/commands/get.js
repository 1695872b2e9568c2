import {ElfError} from '../../index.js';
import {eachFile, resultsToJson} from '../each-file.js';
import {exitStatus} from '../output.js';
export function run(args, output) {
  const files = args.files;
  if (args.rpath && args.soname) {
    output.note('--rpath and --soname exclude one another; see elfinterp get --help');
    return exitStatus.usage;
  }
  const field = args.rpath ? 'rpath' : args.soname ? 'soname' : 'interpreter';
  if (args.json) {
    output.json(resultsToJson(eachFile(files, output, ({view}) => describe(view))));
    return undefined;
  }
  eachFile(files, output, ({view}, path) => {
    const text = read(view, field);
    output.line(files.length > 1 ? `${path}: ${text}` : text);
  });
  return undefined;
}
function read(view, field) {
  if (field === 'soname') return view.dynamic?.soname ?? '';
  if (field === 'rpath') return view.dynamic?.runpath ?? view.dynamic?.rpath ?? '';
  const {interpreter} = view;
  if (interpreter !== undefined) return interpreter.path;
  throw new ElfError('NO_INTERPRETER', 'there is no interpreter: the file has no PT_INTERP', {
    path: view.path,
    expected: 'a dynamically linked program',
    got:
      view.dynamic === undefined ? 'a statically linked program' : 'a shared library or a static-pie program',
  });
}
function describe(view) {
  const {dynamic} = view;
  return {
    interpreter: view.interpreter?.path ?? null,
    rpath: dynamic?.rpath ?? null,
    runpath: dynamic?.runpath ?? null,
    soname: dynamic?.soname ?? null,
  };
}
//# sourceMappingURL=get.js.map
