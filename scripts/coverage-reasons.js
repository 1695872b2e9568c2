/*
 * Why no test runs certain lines. Each reason takes the lines that it speaks of by file and by what they say, so that
 * it goes away with them.
 */

/** @type {{title: string, why: string, lines: (stretch: {file: string, text: string}) => boolean}[]} */
export const reasons = [
  {
    title: 'Errors that are no ElfError',
    why: 'What elfinterp did not throw on purpose is a mistake of its own, and passed on as it is.',
    lines: ({text}) => /^\s*throw error;$/.test(text),
  },
];
