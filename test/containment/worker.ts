/*
 * Tries the escapes of one group on one operation, each in a fresh root, and prints a line of JSON for each. It runs in
 * a separate process under strace: what elfinterp did is between the two marks of an attempt.
 */
import {lstatSync, readdirSync, writeSync} from 'node:fs';
import {ElfError} from '../../src/errors.js';
import {type Attempt, type Group, groups} from './attempts.js';
import {type OperationName, operations} from './operations.js';
import {filesWithSecret, makePlace, type Place, secret, snapshot} from './place.js';

export interface Outcome {
  readonly operation: string;
  readonly name: string;
  /** `done`, or the code of the error. */
  readonly outcome: string;
  /** What got out, or what else went wrong, in words. */
  readonly escapes: readonly string[];
}

const [group = '', only = '', parent = ''] = process.argv.slice(2);

const {withBundle} = operations[only as OperationName];
const place = await makePlace(parent, withBundle);
let number = 0;
for (const attempt of groups[group as Group]()) {
  if (attempt.operation !== only) continue;
  const outcome = await tryOut(attempt, place);
  if (outcome !== undefined) writeSync(1, `${JSON.stringify(outcome)}\n`);
}

async function tryOut(attempt: Attempt, place: Place): Promise<Outcome | undefined> {
  const {operation, name} = attempt;
  place.reset();
  if (attempt.prepare(place) === false) return undefined;
  const before = snapshot(place.outside);
  const beside = readdirSync(place.parent).filter((entry) => entry !== 'into');
  writeSync(2, `${operation}: ${name}\n`);
  mark(`begin ${++number}`);
  const {outcome, text} = await perform(attempt, place);
  mark(`end ${number}`);
  const escapes = [
    ...(snapshot(place.outside) === before ? [] : ['what is outside was changed']),
    ...(readdirSync(place.parent)
      .filter((entry) => entry !== 'into')
      .join() === beside.join()
      ? []
      : ['something was made beside the root']),
    ...[...filesWithSecret(place.root), ...filesWithSecret(place.into)].map(
      (file) => `${file} holds the secret`,
    ),
    ...(text.includes(secret.trim()) ? ['the secret was told'] : []),
    ...(outcome.startsWith('internal') ? [outcome] : []),
  ];
  return {operation, name, outcome, escapes};
}

async function perform({operation}: Attempt, place: Place): Promise<{outcome: string; text: string}> {
  try {
    return {outcome: 'done', text: JSON.stringify(await operations[operation].run(place), withNumbers) ?? ''};
  } catch (error) {
    const {stack} = error as Error;
    if (error instanceof ElfError) return {outcome: error.code, text: error.message};
    return {outcome: `internal error: ${stack}`, text: String(stack)};
  }
}

function withNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** A call that strace sees and that does nothing. */
function mark(text: string): void {
  lstatSync(`/attempt ${text}`, {throwIfNoEntry: false});
}
