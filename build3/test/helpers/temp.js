import {chmodSync, copyFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import tmp from 'tmp';
import {fixture} from './fixtures.js';
/** Make a directory that is gone, with all that is in it, when the test ends. */
export function tempDirectory(t) {
  const {name, removeCallback} = tmp.dirSync({prefix: 'elfinterp-test-', unsafeCleanup: true});
  t.teardown(removeCallback);
  return name;
}
/** Copy a fixture, writable, to a directory of the test's own; the path of the copy. */
export function copyFixture(t, name, as = path.basename(name)) {
  const copy = path.join(tempDirectory(t), as);
  copyFileSync(fixture(name).path, copy);
  chmodSync(copy, 0o755);
  return copy;
}
/** Write bytes or text to a file in a directory of the test's own; its path. */
export function tempFile(t, content, as = 'file') {
  const file = path.join(tempDirectory(t), as);
  writeFileSync(file, content);
  return file;
}
//# sourceMappingURL=temp.js.map
