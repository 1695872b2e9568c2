/*
 * Several edits in one request give the same file as one after another. Whatever the order of unrelated ones, the file
 * reads the same and runs.
 */
import test from 'ava';
import {
  applyPlanToBuffer,
  checkElf,
  type EditRequest,
  ElfError,
  openElfBuffer,
  planEdit,
} from '../../src/index.js';
import {loadedFixtures, runsAsBefore} from '../helpers/edited.js';
import {edit, planFor} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {withTools} from '../helpers/tools.js';

/** In the order in which one request carries them out. */
const edits: readonly EditRequest[] = [
  {runpath: '/nowhere:$ORIGIN'},
  {addRpath: '/added/later'},
  {addNeeded: ['libc.so.6']},
  {addNeeded: ['libgone.so.1', 'libgone-too.so']},
  {removeNeeded: ['libgone.so.1', 'libgone-too.so']},
  {noDefaultLib: false},
  {execStack: false},
  {osAbi: 'Linux'},
  {clearSymbolVersions: ['probe_answer']},
];

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function outcome(run: () => Buffer): Buffer | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof ElfError) return error.code;
    throw error;
  }
}

loadedFixtures.forEach((file, number) => {
  const {name} = file;
  const bytes = fixtureBytes(name);

  test(
    `${name}: random edits, together and one after another, give one file, and it runs`,
    withTools((t) => {
      const next = random(number + 1);
      for (let round = 0; round < 6; round++) {
        const chosen = edits.filter(() => next(2) === 0);
        const request: EditRequest = Object.assign({}, ...chosen);
        const isMerged = Object.keys(request).length === chosen.length;
        const one = (list: readonly EditRequest[]) =>
          list.reduce<Buffer>((current, each) => edit(current, each), bytes);
        const inSequence = outcome(() => one(chosen));
        if (isMerged)
          t.deepEqual(
            outcome(() => edit(bytes, request)),
            inSequence,
          );
        const listed = outcome(() =>
          Buffer.from(applyPlanToBuffer(bytes, planEdit(openElfBuffer(bytes).view, chosen))),
        );
        t.deepEqual(listed, inSequence);
        if (typeof inSequence === 'string') continue;
        t.deepEqual(checkElf(openElfBuffer(inSequence).view), []);
        const removeNeeded = ['libgone.so.1', 'libgone-too.so'];
        if (!name.includes('needs')) runsAsBefore(t, file, edit(inSequence, {removeNeeded}));
      }
    }),
  );

  test(`${name}: an edit that was done is nothing to do`, (t) => {
    for (const request of edits) {
      const edited = outcome(() => edit(bytes, request));
      if (typeof edited !== 'string')
        t.is(planFor(edited, request).placement, 'none', JSON.stringify(request));
    }
  });
});
