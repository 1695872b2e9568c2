import {diagnose, type Finding} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';
import type {doctor as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run(args: Arguments, output: Output): number | undefined {
  const findings = diagnose(args.chroot, {
    prefix: args.prefix,
    libs: args.libs,
  });
  if (args.json) output.json(findings.map((finding) => ({...finding, remedy: finding.remedy ?? null})));
  else for (const finding of findings) if (args.all || finding.severity !== 'fine') print(finding, output);
  if (findings.some(({severity}) => severity === 'broken')) return exitStatus.failed;
  if (findings.every(({severity}) => severity === 'fine')) output.progress(safe`no problem found`);
  return undefined;
}

function print({severity, code, what, evidence, remedy}: Finding, output: Output): void {
  output.line(safe`${severity}: ${what} [${code}]`);
  output.line(safe`  evidence: ${evidence}`);
  if (remedy !== undefined) output.line(safe`  remedy:   ${remedy}`);
}
