import type {BundleResult} from '../index.js';
import type {Output} from './output.js';
import {safe} from './safe-text.js';

/** Print what a bundle consists of: where each program looks for its loader, and where each file came from. */
export function printBundle({manifest, written}: BundleResult, output: Output): void {
  for (const {path, interpreter} of manifest.programs) {
    output.line(
      interpreter === null ? safe`${path}  (static, copied unchanged)` : safe`${path}  ->  ${interpreter}`,
    );
  }
  for (const {path, source} of manifest.files.filter(({role}) => role !== 'program'))
    output.line(safe`${path}  <-  ${source}`);
  output.progress(
    written
      ? safe`the bundle is complete and self-contained`
      : safe`the bundle exists already; nothing was written`,
  );
}

export function bundleToJson({manifest, manifestPath, written, isolated}: BundleResult): object {
  return {...manifest, manifestPath, written, isolated: isolated ?? null};
}
