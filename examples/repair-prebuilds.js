/*
 * Make the prebuilt binaries of a package independent of the machine that built them, after prebuildify or napi-rs:
 *
 *   node repair-prebuilds.js PACKAGE [MAX_GLIBC] [ROOT]
 *
 * ROOT is the root file system of the image that built them, if it was not this machine.
 */
import {auditPackage, repairPackage} from 'elfinterp';

const [directory, limit = '2.28', root] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: node repair-prebuilds.js PACKAGE [LIMIT [ROOT]]');
  process.exit(2);
}

const {libraries, notes} = await repairPackage(directory, {inPlace: true, strip: true, root});
for (const {path, source} of libraries) console.log(`${path} is a copy of ${source}`);
for (const note of notes) console.log(note);

const {targets, findings} = await auditPackage(directory, {limits: {glibc: limit}});
for (const {os, cpu, libc, runsOn} of targets)
  console.log(`${os} ${cpu} ${libc}: ${runsOn?.oldest.join(', ') || 'not known'} and newer`);

const errors = findings.filter(({severity}) => severity === 'error');
for (const {file, message} of errors) console.error(`${file}: ${message}`);
if (errors.length > 0) process.exitCode = 1;
