/*
 * A cache of emulators for the tests of one file, so that they neither use nor change the one of this machine. It is in
 * the environment before any test runs, for elfinterp in this process and in others.
 */
import {chmodSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';

/** Of root, for whom temporary directories of others are nothing to rely on; each user makes one of his own. */
export const ownCache = mkdtempSync(path.join(tmpdir(), 'elfinterp-cache-'));
chmodSync(ownCache, 0o700);
process.env.ELFINTERP_CACHE = ownCache;
process.on('exit', () => rmSync(ownCache, {recursive: true, force: true}));
