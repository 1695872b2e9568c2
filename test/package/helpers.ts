/*
 * Small packages with binaries that the tests build: a library that is found only in a root beside the package, and
 * addons that need it.
 */
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {tempDirectory} from '../helpers/temp.js';
import {output} from '../helpers/tools.js';

export interface Workshop {
  readonly directory: string;
  /** The package. */
  readonly pkg: string;
  /** The directory of libraries that the package does not have. */
  readonly libraries: string;
}

/** An empty package, and a directory for libraries beside it. */
export function workshop(t: ExecutionContext, fields: object = {}): Workshop {
  const directory = tempDirectory(t);
  const [pkg, libraries] = [path.join(directory, 'pkg'), path.join(directory, 'builder', 'lib')];
  mkdirSync(pkg);
  mkdirSync(libraries, {recursive: true});
  writeFileSync(path.join(pkg, 'package.json'), JSON.stringify({name: 'probe', version: '1.0.0', ...fields}));
  return {directory, pkg, libraries};
}

/** Compile C into a shared library or, with `-pie`, a program. */
export function compile(
  file: string,
  source: string,
  args: readonly string[] = [],
  compiler = 'gcc',
): string {
  mkdirSync(path.dirname(file), {recursive: true});
  const code = `${file}.c`;
  writeFileSync(code, source);
  output(compiler, [...(args.includes('-pie') ? [] : ['-shared']), '-fPIC', '-o', file, code, ...args]);
  output('rm', [code]);
  return file;
}

/** A library `libNAME.so.1` whose function `NAME` returns a number. */
export function library(where: string, name: string, value: number, args: readonly string[] = []): string {
  return compile(path.join(where, `lib${name}.so.1`), `int ${name}_value(void) { return ${value}; }`, [
    `-Wl,-soname,lib${name}.so.1`,
    ...args,
  ]);
}

/** A Node-API addon that returns the number from `lib NAME`, built without Node's headers. */
export function addon(file: string, name: string, where: string, args: readonly string[] = []): string {
  return compile(
    file,
    `#include <stdlib.h>
     extern int ${name}_value(void);
     typedef void *V; typedef void *E;
     extern int napi_create_int32(E, int, V *);
     __attribute__((visibility("default"))) V napi_register_module_v1(E env, V exports) {
       V value = 0; napi_create_int32(env, getenv("ELFINTERP_NONE") ? 0 : ${name}_value(), &value); return value; }`,
    [path.join(where, `lib${name}.so.1`), ...args],
  );
}

/** What `require` of addons returns in one process of this Node, separated by commas. */
export function load(...files: readonly string[]): string {
  const script = 'console.log(process.argv.slice(1).map((file) => require(file)).join())';
  return output(process.execPath, ['-e', script, ...files]).trim();
}
