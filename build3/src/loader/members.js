import {directoryOf} from './search-path.js';
/**
 * The program itself. Its $ORIGIN is what the kernel says at /proc/self/exe, its real path; with `ld.so PROGRAM` it
 * is the path that was given.
 */
export function programMember(root, path, file, options) {
  const origin = options.direct
    ? directoryOf(root.absolute(path))
    : realOrigin(root, path, options.proc ?? true);
  const reason = {kind: 'program'};
  return {...file, index: -1, name: path, path, loader: undefined, reason, origin, edges: [], passedOver: []};
}
function realOrigin(root, path, proc) {
  const real = proc ? root.resolve(path) : undefined;
  return real?.found ? directoryOf(real.inside) : undefined;
}
/** The interpreter, if there is a file for it. */
export function interpreterMember({file, path}) {
  if (file === undefined || path === undefined) return undefined;
  const reason = {kind: 'interpreter'};
  return {
    ...file,
    index: -1,
    name: path,
    path,
    loader: undefined,
    reason,
    origin: undefined,
    edges: [],
    passedOver: [],
  };
}
/** The name by which the interpreter knows itself: PT_INTERP, or what it was called by. */
export function interpreterName(interpreter, {direct}) {
  const {requested, path, substituted} = interpreter ?? {};
  return (direct || substituted ? path : (requested ?? path)) ?? '';
}
/** Every name that the interpreter answers to: PT_INTERP as it stands in the program, its own path, its SONAME. */
export function interpreterNames({interpreter, interpreterName}, found) {
  const names = [found?.requested, interpreterName, interpreter?.object.dynamic?.soname];
  return names.filter((name) => name !== undefined && name !== '');
}
/** What the result says of the interpreter. */
export function describeInterpreter(interpreter, member) {
  const {requested, path, file, facts, substituted} = interpreter;
  const {libc, version, pathFile} = facts;
  return {requested, path, host: file?.host, libc, version, pathFile, substituted, node: member?.index};
}
/** What the result says of a member. */
export function toNode(member) {
  const {index, name, loader, reason, path, host, identity, object, passedOver} = member;
  const {soname, rpath, runpath} = object.dynamic ?? {};
  const {dlopen} = object;
  const edges = member.edges.map(({to, ...edge}) => ({...edge, to: to?.index}));
  return {
    index,
    name,
    requestedBy: loader?.index,
    reason,
    path,
    host,
    identity,
    soname,
    rpath,
    runpath,
    edges,
    dlopen,
    passedOver,
  };
}
//# sourceMappingURL=members.js.map
