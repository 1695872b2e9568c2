import {auditPackage, type PackageAudit, type Severity} from '../../index.js';
import type {Arguments} from '../command.js';
import {errorToJson, exitStatus, type Output} from '../output.js';
import {auditToJson} from '../package/audit-json.js';
import {printAudit} from '../package/audit-table.js';
import {toAnnotations} from '../package/github.js';
import {readPolicy} from '../package/read-policy.js';
import {toSarif} from '../package/sarif.js';
import {safe} from '../safe-text.js';

type Format = 'table' | 'json' | 'sarif' | 'github';

export async function run(args: Arguments, output: Output): Promise<number | undefined> {
  if (args.json && args.format !== undefined) {
    output.note(safe`--json and --format are mutually exclusive; see elfinterp audit --help`);
    return exitStatus.usage;
  }
  const format = args.json ? 'json' : ((args.format as Format | undefined) ?? 'table');
  const audits = await auditAll(args, format, output);
  if (format === 'sarif') output.json(toSarif(audits));
  const least = (args['fail-on'] as Severity | 'never' | undefined) ?? 'error';
  const counted = severities.slice(0, severities.indexOf(least as Severity) + 1);
  const isBad = audits.some(({findings}) => findings.some(({severity}) => counted.includes(severity)));
  return isBad ? exitStatus.failed : undefined;
}

const severities: readonly Severity[] = ['error', 'warning', 'note'];

/** Each package is printed as soon as it is done, but for SARIF, which is one log. */
async function auditAll(args: Arguments, format: Format, output: Output): Promise<PackageAudit[]> {
  const limit = args['max-glibc'] as string | undefined;
  const policy = readPolicy(args.policy as string | undefined);
  const limits = limit === undefined ? undefined : {glibc: limit};
  const audits: PackageAudit[] = [];
  const list = format === 'json' ? output.jsonList() : undefined;
  for (const source of args.packages as string[]) {
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
      output.error(error, source);
      list?.add({source, error: errorToJson(error)});
    }
  }
  list?.end();
  return audits;
}
