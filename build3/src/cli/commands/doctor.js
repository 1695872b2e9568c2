import {diagnose} from '../../index.js';
import {exitStatus} from '../output.js';
export function run(args, output) {
  const findings = diagnose(args.chroot, {
    prefix: args.prefix,
    libs: args.libs,
  });
  if (args.json) output.json(findings.map((finding) => ({...finding, remedy: finding.remedy ?? null})));
  else for (const finding of findings) if (args.all || finding.severity !== 'fine') print(finding, output);
  if (findings.some(({severity}) => severity === 'broken')) return exitStatus.failed;
  if (findings.every(({severity}) => severity === 'fine'))
    output.progress('nothing is wrong that could be seen');
  return undefined;
}
function print({severity, code, what, evidence, remedy}, output) {
  output.line(`${severity}: ${what} [${code}]`);
  output.line(`  seen: ${evidence}`);
  if (remedy !== undefined) output.line(`  do:   ${remedy}`);
}
//# sourceMappingURL=doctor.js.map
