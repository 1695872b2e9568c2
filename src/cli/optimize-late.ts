/*
 * V8 compiles what runs often a second time, with all its optimizations. In work of a few tenths of a second that
 * costs more than it saves. So a function has to run ten times as often first; what works for seconds gets there all the
 * same.
 */

/** The bytes of bytecode that a function runs before it is looked at; the first is V8's own choice. */
const usualBudget = 67584;
const largeBudget = 10 * usualBudget;

/** V8 prints an error for a flag that it does not know, and only that of Node 20 has been measured. */
const hasBudget = process.versions.v8.startsWith('11.3.');

/**
 * Optimize late until this is disposed of. No module may be loaded meanwhile: compiled code that was kept (bin/load.js)
 * is good for the flags with which it was made.
 */
export function optimizeLate(): Disposable {
  setBudget(largeBudget);
  return {[Symbol.dispose]: () => setBudget(usualBudget)};
}

/** node:v8 loads streams; a run that does not come here should not pay for them. */
function setBudget(bytes: number): void {
  if (hasBudget) process.getBuiltinModule('node:v8').setFlagsFromString(`--interrupt-budget=${bytes}`);
}
