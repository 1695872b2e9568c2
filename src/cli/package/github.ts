/*
 * Findings as workflow commands of GitHub Actions ("Workflow commands for GitHub Actions", "Setting an error message").
 * Text from a file could itself contain such a command, so every character with a meaning there is escaped.
 */
import {type PackageAudit, printable} from '../../index.js';
import {locationOf} from './sarif.js';

/** One line a finding. */
export function toAnnotations({source, findings}: PackageAudit): string {
  const lines = findings.map(({code, severity, file, message}) => {
    const level = severity === 'note' ? 'notice' : severity;
    const text = file === undefined ? message : `${file}: ${message}`;
    return `::${level} file=${property(locationOf(source, file))},title=${property(code)}::${data(text)}`;
  });
  return lines.join('\n');
}

function data(text: string): string {
  return printable(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
