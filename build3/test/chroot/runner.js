/* Run one command in a chroot, in a process that tests can kill: `runner.js CHROOT OPTIONS-AS-JSON COMMAND...`. */
import {runInChroot} from '../../src/chroot/run.js';

const [chroot = '', options = '{}', ...command] = process.argv.slice(2);
try {
  const onWarning = (message) => process.stderr.write(`warning: ${message}\n`);
  const {exitCode} = await runInChroot(chroot, command, {onWarning, ...JSON.parse(options)});
  process.exitCode = exitCode;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? `${error.name}: ${error.message}` : error}\n`);
  process.exitCode = 199;
}
//# sourceMappingURL=runner.js.map
