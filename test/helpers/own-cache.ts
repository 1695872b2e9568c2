/*
 * A cache of emulators for the tests of one file, so that they neither use nor change the one of this machine. It is
 * set in the environment before any test runs, for elfinterp in this process and in others.
 */
import {chmodSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';

/** For this user only: root does not trust temporary directories of others, and every other user makes one too. */
export const ownCache = mkdtempSync(path.join(tmpdir(), 'elfinterp-cache-'));
chmodSync(ownCache, 0o700);
process.env.ELFINTERP_CACHE = ownCache;
process.on('exit', () => rmSync(ownCache, {recursive: true, force: true}));
