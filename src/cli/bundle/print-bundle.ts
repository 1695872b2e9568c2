import type {BundleResult, ManifestFile, RelocatableResult} from '../../index.js';
import type {Output} from '../output.js';
import {type SafeText, safe} from '../safe-text.js';

/** Print what a bundle consists of: where each program looks for its loader, and where each file came from. */
export function printBundle({manifest, files, written}: BundleResult, output: Output): void {
  for (const {path, interpreter} of manifest.programs) {
    output.line(
      interpreter === null ? safe`${path}  (static, copied unchanged)` : safe`${path}  ->  ${interpreter}`,
    );
  }
  for (const {path, source, resolved} of files.filter(({role}) => role !== 'program'))
    output.line(safe`${path}  <-  ${source}${resolvedInWords(resolved)}`);
  for (const path of manifest.directories ?? []) output.line(safe`${path}/  (an empty directory)`);
  output.progress(
    written
      ? safe`the bundle is complete and self-contained`
      : safe`the bundle exists already; nothing was written`,
  );
}

/** Print what a relocatable bundle consists of: where each file came from. */
export function printRelocatable({files, directories}: RelocatableResult, output: Output): void {
  for (const {path, source, resolved} of files)
    output.line(safe`${path}  ${source}${resolvedInWords(resolved)}`);
  for (const path of directories) output.line(safe`${path}/  (an empty directory)`);
}

/** How an ELF file that was copied along was adapted, for the end of its line. */
function resolvedInWords(resolved: ManifestFile['resolved']): SafeText {
  if (resolved === undefined) return safe``;
  return resolved === 'program'
    ? safe`  (a program: finds loader and libraries in the bundle)`
    : safe`  (a module: finds its libraries in the bundle)`;
}

export function bundleToJson(result: BundleResult): object {
  const {manifest, files, manifestPath, written, isolated, environment} = result;
  return {...manifest, files, manifestPath, written, isolated: isolated ?? null, environment};
}
