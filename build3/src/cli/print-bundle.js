/** Print what a bundle consists of: where each program looks for its loader, and where each file came from. */
export function printBundle({manifest, written}, output) {
  for (const {path, interpreter} of manifest.programs) {
    output.line(interpreter === null ? `${path}  (static, copied as it is)` : `${path}  ->  ${interpreter}`);
  }
  for (const {path, source} of manifest.files.filter(({role}) => role !== 'program'))
    output.line(`${path}  <-  ${source}`);
  output.progress(
    written
      ? 'the bundle is complete, nothing it needs lies outside'
      : 'the bundle is there already, nothing was written',
  );
}
export function bundleToJson({manifest, manifestPath, written, isolated}) {
  return {...manifest, manifestPath, written, isolated: isolated ?? null};
}
//# sourceMappingURL=print-bundle.js.map
