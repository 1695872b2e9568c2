/*
 * V8 compiles hot code a second time, with all its optimizations. In work of a few tenths of a second that costs more
 * than it saves. So a function has to run ten times as often first; work that takes seconds still gets there.
 */

/** The bytes of bytecode that a function runs before V8 considers optimizing it; the first is V8's default. */
const usualBudget = 67584;
const largeBudget = 10 * usualBudget;

/** V8 prints an error for a flag that it does not know, and only Node 20's V8 has been measured. */
const hasBudget = process.versions.v8.startsWith('11.3.');

/**
 * Optimize late until this is disposed of. No module may be loaded meanwhile: cached code (bin/load.js) is valid only
 * for the flags that it was compiled with.
 */
export function optimizeLate(): Disposable {
  setBudget(largeBudget);
  return {[Symbol.dispose]: () => setBudget(usualBudget)};
}

/** node:v8 loads streams; a run that does not come here should not pay for them. */
function setBudget(bytes: number): void {
  if (hasBudget) process.getBuiltinModule('node:v8').setFlagsFromString(`--interrupt-budget=${bytes}`);
}
