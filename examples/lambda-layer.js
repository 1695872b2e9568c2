/*
 * Make an AWS Lambda layer from a program of this machine, whatever glibc the Lambda runtime has:
 *
 *     node lambda-layer.js /usr/bin/xz ./layer
 *     (cd layer/opt && zip -qry ../../layer.zip .)
 *
 * Lambda unpacks a layer into /opt, and has /opt/bin in its PATH and /opt/lib in its LD_LIBRARY_PATH. So the program
 * goes into /opt/bin, but its libraries must not go into /opt/lib: there the runtime itself would find our libc before
 * its own. In a directory beside the program, only the program finds them.
 */
import {bundle, verifyBundle} from 'elfinterp';

const place = {prefix: '/opt/bin', libs: 'libs'};
const [program, into] = process.argv.slice(2);
if (into === undefined) {
  console.error('usage: node lambda-layer.js PROGRAM DIRECTORY');
  process.exit(2);
}

const {manifest, notes} = await bundle([program], {into, ...place});
for (const note of notes) console.error(note);
const size = manifest.files.reduce((sum, file) => sum + file.size, 0);
console.log(
  `${manifest.files.length} files, ${(size / 1e6).toFixed(1)} MB of the 250 MB that a function may have`,
);

// bundle() has already verified the result; a deployment script can repeat the check like this.
const {problems} = verifyBundle(into, place);
for (const {path, message} of problems) console.error(`${path}: ${message}`);
process.exitCode = problems.length > 0 ? 1 : 0;
