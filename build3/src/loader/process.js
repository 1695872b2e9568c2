/** The reason for an answer from memory. */
export function alreadyLoaded(process, member, by, as) {
  return member === process.interpreter ? {kind: 'interpreter'} : {kind: 'already-loaded', by, as};
}
//# sourceMappingURL=process.js.map
