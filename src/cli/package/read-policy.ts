import {ElfError, type Policy, policyNames, readText} from '../../index.js';

/** Read the value of `--policy`: the name of a policy, or a file that contains one. */
export function readPolicy(value: string | undefined): Policy | undefined {
  if (value === undefined) return undefined;
  if (policyNames.includes(value)) return {extends: value};
  const text = readPolicyFile(value);
  try {
    return JSON.parse(text) as Policy;
  } catch (cause) {
    throw new ElfError('BAD_REQUEST', 'the policy is not JSON', {path: value, cause});
  }
}

function readPolicyFile(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    const {code} = ((error as ElfError).cause ?? {}) as NodeJS.ErrnoException;
    if (!(error instanceof ElfError) || code !== 'ENOENT' || file.includes('/')) throw error;
    throw new ElfError('NOT_FOUND', 'there is no such file and no such policy', {
      path: file,
      expected: `a file, or one of ${policyNames.join(', ')}`,
    });
  }
}
