/*
 * Make a root file system for a container without a Dockerfile, a base image or a daemon: the named programs, what they
 * load, and nothing else.
 *
 *     node root-file-system.js ./rootfs /bin/bash /usr/bin/ls /usr/bin/cat
 *     tar -C rootfs -cf - . | docker import - tools        # or podman, or systemd-nspawn -D rootfs
 *
 * Each library is found as the loader would find it, and the result is verified: no program in it loads a file from
 * outside. The loader does not know what programs open themselves (name service, locales, certificates); add such files
 * with `files` and such libraries with `library`.
 */
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {bundle} from 'elfinterp';

const [into, ...programs] = process.argv.slice(2);
if (programs.length === 0) {
  console.error('usage: node root-file-system.js DIRECTORY PROGRAM...');
  process.exit(2);
}

const {files} = await bundle(programs, {into, prefix: '/bin', libs: 'libs', isolate: false});
for (const directory of ['etc', 'proc', 'sys', 'dev', 'tmp', 'root'])
  mkdirSync(path.join(into, directory), {recursive: true});
writeFileSync(path.join(into, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\n');
writeFileSync(path.join(into, 'etc/os-release'), 'ID=tools\nPRETTY_NAME="only what is needed"\n');

for (const {path: inside, source} of files) console.log(`${inside}  <-  ${source}`);
