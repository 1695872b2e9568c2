import type {RegionKind} from '../../index.js';
import {colored, type SafeText, safe} from '../safe-text.js';
import type {Terminal} from '../terminal.js';

type Color = 'bold' | 'dim' | 'good' | 'bad' | RegionKind;

/** The character for a kind of region in a line. */
export const tones: Readonly<
  Record<RegionKind, {readonly ascii: string; readonly unicode: string; readonly color: Color}>
> = {
  header: {ascii: 'H', unicode: '▞', color: 'header'},
  linking: {ascii: 'L', unicode: '▚', color: 'linking'},
  code: {ascii: '#', unicode: '█', color: 'code'},
  constant: {ascii: '=', unicode: '▓', color: 'constant'},
  data: {ascii: 'w', unicode: '▒', color: 'data'},
  unloaded: {ascii: ':', unicode: '░', color: 'unloaded'},
  gap: {ascii: '_', unicode: '▁', color: 'gap'},
  slack: {ascii: '-', unicode: '▂', color: 'slack'},
  padding: {ascii: '.', unicode: '·', color: 'padding'},
  payload: {ascii: '+', unicode: '╳', color: 'payload'},
  unknown: {ascii: '?', unicode: '?', color: 'unknown'},
};

/** SGR parameters (ECMA-48); the sixteen colours that every terminal's theme defines. */
const codes: Readonly<Record<Color, number>> = {
  bold: 1,
  dim: 2,
  good: 32,
  bad: 31,
  header: 35,
  linking: 36,
  code: 34,
  constant: 32,
  data: 33,
  unloaded: 90,
  gap: 92,
  slack: 96,
  padding: 90,
  payload: 95,
  unknown: 31,
};

/** Colour a text, where colour is wanted. */
export function paint(text: string, color: Color, terminal: Terminal): SafeText {
  return terminal.color ? colored(text, codes[color]) : safe`${text}`;
}
