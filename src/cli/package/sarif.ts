/*
 * Findings as SARIF 2.1.0 (OASIS), the form in which code scanning services take them.
 */
import {statSync} from 'node:fs';
import {type PackageAudit, type PackageFinding, version} from '../../index.js';

/** One log with one run for any number of packages. */
export function toSarif(audits: readonly PackageAudit[]): object {
  const results = audits.flatMap(({source, findings}) =>
    findings.map((finding) => resultOf(source, finding)),
  );
  const rules = [...new Set(audits.flatMap(({findings}) => findings.map(({code}) => code)))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{tool: {driver: {name: 'elfinterp', version, rules: rules.map((id) => ({id}))}}, results}],
  };
}

function resultOf(source: string, {code, severity, file, message}: PackageFinding): object {
  return {
    ruleId: code,
    level: severity,
    message: {text: file === undefined ? message : `${file}: ${message}`},
    locations: [{physicalLocation: {artifactLocation: {uri: uriOf(locationOf(source, file))}}}],
  };
}

/** The path of a file in its package; for a tarball, the tarball itself. */
export function locationOf(source: string, file: string | undefined): string {
  if (file === undefined || /\.(tgz|tar|tar\.gz)$/.test(source)) return source;
  // A file that was audited by itself is its own package.
  const isItself = (source === file || source.endsWith(`/${file}`)) && !isDirectory(source);
  return isItself ? source : `${source.replace(/\/+$/, '')}/${file}`;
}

function isDirectory(path: string): boolean {
  return statSync(path, {throwIfNoEntry: false})?.isDirectory() === true;
}

function uriOf(path: string): string {
  const relative = path.replace(/^(\.\/)+/, '');
  const encoded = relative
    .split('/')
    .map((part) => encodeURIComponent(part.replace(/\p{Surrogate}/gu, '\ufffd')));
  return path.startsWith('/') ? `file://${encoded.join('/')}` : encoded.join('/');
}
