/*
 * The examples for packages: 'repair-prebuilds.js' in a build, and 'audit-pull-request.yml' with 'compare-floors.js' on a
 * repository with a base branch and a pull request, step by step as a runner goes through them.
 */
import {cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {parse} from 'yaml';
import {projectDirectory} from '../helpers/cli.js';
import {copyExample, userDirectory} from '../helpers/package.js';
import {output, run, withTools} from '../helpers/tools.js';
import {addon, compile, library, load, workshop} from './helpers.js';

test(
  'repair-prebuilds: what prebuildify leaves is repaired, stripped and audited',
  withTools((t) => {
    const {directory} = userDirectory(t);
    const {pkg, libraries} = workshop(t);
    library(libraries, 'foreign', 9);
    const file = path.join(pkg, 'prebuilds/linux-x64/addon.node');
    addon(file, 'foreign', libraries, ['-g', `-Wl,-rpath,${libraries}`]);
    const script = copyExample(directory, 'repair-prebuilds.js');
    const {status, stdout, stderr} = run(process.execPath, [script, pkg, '99.0'], {cwd: directory});
    t.is(status, 0, stderr);
    t.regex(stdout, /^prebuilds\/linux-x64\/libs\/libforeign-\w{8}\.so\.1 is a copy of /m);
    t.regex(stdout, /^linux x64 glibc: Debian/m);
    rmSync(libraries, {recursive: true});
    t.is(load(file), '9');
    t.is(run(process.execPath, [script, pkg, '2.1'], {cwd: directory}).status, 1);
  }),
);

interface Step {
  readonly name?: string;
  readonly run?: string;
}

test(
  'audit-pull-request.yml: a pull request that raises the floor fails, another does not',
  withTools((t) => {
    t.timeout(600_000);
    const {directory, env} = userDirectory(t);
    const repository = path.join(directory, 'repository');
    const git = (...args: string[]) =>
      output('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', ...args], {cwd: repository});
    const file = path.join(repository, 'addon.node');
    mkdirSync(repository);
    const fields = {name: 'addon', version: '1.0.0'};
    writeFileSync(path.join(repository, 'package.json'), JSON.stringify(fields));
    writeFileSync(
      path.join(repository, 'package-lock.json'),
      JSON.stringify({...fields, lockfileVersion: 3, packages: {'': fields}}),
    );
    cpSync(copyExample(directory, 'compare-floors.js'), path.join(repository, 'compare-floors.mjs'));
    compile(file, '#include <stdlib.h>\nchar *f(void) { return getenv("x"); }');
    output('git', ['init', '-q', '-b', 'main'], {cwd: repository});
    git('add', '.');
    git('commit', '-qm', 'base');
    git('update-ref', 'refs/remotes/origin/main', 'main');
    const {jobs} = parse(
      readFileSync(path.join(projectDirectory, 'examples', 'audit-pull-request.yml'), 'utf8'),
    );
    const steps: readonly Step[] = jobs.floor.steps;
    const runSteps = () => {
      for (const {name = '', run: script} of steps) {
        if (script === undefined) continue;
        // The package is installed beside the repository, where npx does not look.
        const command = script.replaceAll('npx elfinterp', 'elfinterp').replace('2.28', '99');
        const result = run('bash', ['-e', '-c', command], {
          cwd: repository,
          env: {...env, GITHUB_BASE_REF: 'main'},
        });
        if (result.status !== 0) return {name, ...result};
      }
      return undefined;
    };
    t.is(runSteps()?.stderr, undefined);
    compile(file, '#define _GNU_SOURCE\n#include <stdlib.h>\nchar *f(void) { return secure_getenv("x"); }');
    git('worktree', 'remove', '--force', '../before');
    renameSync(path.join(directory, 'before.tar.gz'), path.join(directory, 'old'));
    const failed = runSteps();
    t.is(failed?.name, 'Compare');
    t.regex(
      failed?.stdout ?? '',
      /^::error::linux x64 glibc: the floor rises from glibc 2\.2\.5 to glibc 2\.17, for secure_getenv$/m,
    );
  }),
);
