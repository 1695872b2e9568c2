import {ElfError, type Policy, policyNames, readText} from '../../index.js';

/** `--policy`: the name of one, or a file with one. */
export function readPolicy(value: string | undefined): Policy | undefined {
  if (value === undefined) return undefined;
  if (policyNames.includes(value)) return {extends: value};
  const text = readText(value);
  try {
    return JSON.parse(text) as Policy;
  } catch (cause) {
    throw new ElfError('BAD_REQUEST', 'the policy is not JSON', {path: value, cause});
  }
}
