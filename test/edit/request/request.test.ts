import test from 'ava';
import {type EditRequest, openElfBuffer, planEdit} from '../../../src/index.js';
import {planFor} from '../../helpers/edits.js';
import {fixtureBytes} from '../../helpers/fixtures.js';

/** Requests as a JavaScript caller may write them. */
const refused: readonly (readonly [string, unknown])[] = [
  ['an unknown field', {intepreter: '/x'}],
  ['a number for a path', {rpath: 1}],
  ['null for a name', {soname: null}],
  ['a string for a list', {addNeeded: 'libx.so'}],
  ['an empty name', {addNeeded: ['']}],
  ['a NUL in a name', {addNeeded: ['lib\0x.so']}],
  ['a newline in a name', {removeNeeded: ['lib\nx.so']}],
  ['half of a character in a path', {runpath: '/lib\ud800'}],
  ['a list for a map', {replaceNeeded: ['a', 'b']}],
  ['a Map for a map', {replaceNeeded: new Map([['a', 'b']])}],
  ['a Map of symbols', {renameSymbols: new Map()}],
  ['a Map for a request', new Map([['rpath', '/a']])],
  ['an empty new name', {replaceNeeded: {a: ''}}],
  ['an empty soname', {soname: ''}],
  ['a string for a flag', {noDefaultLib: 'yes'}],
  ['an unknown OS ABI', {osAbi: 'plan9'}],
  ['an unknown tag', {convertRpath: 'path'}],
  ['a path set and converted', {rpath: '/a', convertRpath: 'runpath'}],
  ['a path added and removed', {addRpath: '/a', removeRpath: true}],
  ['an interpreter to add that is not named', {addInterpreter: true}],
  ['a version in a symbol name', {renameSymbols: {a: 'b@V1'}}],
  ['a field of Object', {toString: 'x', constructor: 'y'}],
];

for (const [title, request] of refused)
  test(`refused: ${title}`, (t) => {
    const {message} =
      t.throws(() => planFor(fixtureBytes('x86_64/probe-pie'), request as EditRequest), {
        code: 'BAD_REQUEST',
      }) ?? {};
    t.true((message?.length ?? 0) > 10);
  });

test('nothing asked is nothing done', (t) => {
  for (const request of [{}, {removeRpath: false}, {addNeeded: []}, {replaceNeeded: {}}, {renameSymbols: {}}])
    t.is(planFor(fixtureBytes('x86_64/probe-pie'), request).placement, 'none');
  t.is(planEdit(openElfBuffer(fixtureBytes('x86_64/probe-pie')).view, []).placement, 'none');
});
