import {auditPackage, ElfError, type PackageAudit, type Severity} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import {errorToJson, exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';
import {auditToJson} from './audit-json.js';
import {printAudit} from './audit-table.js';
import type {audit as definition} from './definition.js';
import {toAnnotations} from './github.js';
import {readPolicy} from './read-policy.js';
import {toSarif} from './sarif.js';

type Arguments = ArgumentsOf<typeof definition>;

type Format = 'table' | 'json' | 'sarif' | 'github';

export async function run(args: Arguments, output: Output): Promise<number | undefined> {
  if (args.json && args.format !== undefined)
    throw new UsageError('--json and --format are mutually exclusive');
  const format = args.json ? 'json' : (args.format ?? 'table');
  const audits = await auditAll(args, format, output);
  if (format === 'sarif') output.json(toSarif(audits));
  const least = args['fail-on'] ?? 'error';
  const counted = severities.slice(0, severities.indexOf(least as Severity) + 1);
  const isBad = audits.some(({findings}) => findings.some(({severity}) => counted.includes(severity)));
  return isBad ? exitStatus.failed : undefined;
}

const severities: readonly Severity[] = ['error', 'warning', 'note'];

/** Each package is printed as soon as it is done, except in SARIF, which is one log. */
async function auditAll(args: Arguments, format: Format, output: Output): Promise<PackageAudit[]> {
  const limit = args['max-glibc'];
  const policy = readPolicy(args.policy);
  const limits = limit === undefined ? undefined : {glibc: limit};
  const audits: PackageAudit[] = [];
  const list = format === 'json' ? output.jsonList() : undefined;
  for (const source of args.packages) {
    try {
      const audit = await auditPackage(source, {
        policy,
        limits,
        onProgress: ({path, done, total}) => output.status(safe`${done} of ${total}: ${path}`),
      });
      audits.push(audit);
      list?.add(auditToJson(audit));
      if (format === 'table') printAudit(audit, output);
      if (format === 'github') output.document(toAnnotations(audit));
    } catch (error) {
      // Said before the first package is looked at.
      if (error instanceof ElfError && error.code === 'BAD_REQUEST' && error.value === limit)
        throw new UsageError(`--max-glibc cannot be '${limit}'; it must be a version such as 2.28`);
      output.error(error, source);
      list?.add({source, error: errorToJson(error)});
    }
  }
  list?.end();
  return audits;
}
