export function broken(code, what, evidence, remedy) {
  return {code, severity: 'broken', what, evidence, remedy};
}
export function doubtful(code, what, evidence, remedy) {
  return {code, severity: 'doubtful', what, evidence, remedy};
}
export function fine(code, what, evidence) {
  return {code, severity: 'fine', what, evidence, remedy: undefined};
}
/** A word for a shell, in a remedy. */
export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
//# sourceMappingURL=finding.js.map
