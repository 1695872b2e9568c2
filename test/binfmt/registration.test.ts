import test from 'ava';
import fc from 'fast-check';
import {formatRegistration, type Registration} from '../../src/binfmt/registration.js';
import {ElfError} from '../../src/errors.js';
import {readRegistration} from '../helpers/registration.js';

const magic = new Uint8Array([0x7f, 0x45, 0x4c, 0x46]);

const registration = (changes: Partial<Registration> = {}): Registration => ({
  name: 'qemu-arm',
  match: {type: 'magic', offset: 0, magic, mask: new Uint8Array([255, 255, 0, 255])},
  interpreter: '/debootstrap/qemu-arm',
  flags: 'P',
  ...changes,
});

const withMagic = (changes: {offset?: number; magic?: Uint8Array; mask?: Uint8Array | undefined}) =>
  registration({match: {type: 'magic', offset: 0, magic, mask: undefined, ...changes}});

test('a registration is printed as the kernel wants it', (t) => {
  t.is(
    formatRegistration(registration()),
    ':qemu-arm:M::\\x7f\\x45\\x4c\\x46:\\xff\\xff\\x00\\xff:/debootstrap/qemu-arm:P',
  );
  t.is(
    formatRegistration(registration({match: {type: 'extension', extension: 'jar'}, flags: ''})),
    ':qemu-arm:E::jar::/debootstrap/qemu-arm:',
  );
});

test('what is printed is read back', (t) => {
  for (const original of [
    registration(),
    registration({flags: 'POCF', interpreter: '/path with : and |'}),
    registration({name: 'a:b|c,d;e'}),
    registration({match: {type: 'extension', extension: 'tar.gz'}}),
    withMagic({offset: 12}),
  ]) {
    t.deepEqual(readRegistration(formatRegistration(original)), original);
  }
});

test('another delimiter is taken where a field holds a colon', (t) => {
  t.true(formatRegistration(registration({interpreter: '/a:b'})).startsWith('|qemu-arm|'));
});

test('fields that hold every delimiter leave none', (t) => {
  t.throws(() => formatRegistration(registration({interpreter: '/:|,;!#%=~+'})), {
    code: 'BAD_REQUEST',
    message: /no character left to separate the fields/,
  });
});

const refusedRegistrations: readonly (readonly [string, Registration, RegExp])[] = [
  ['an empty name', registration({name: ''}), /not a valid name for an entry/],
  ["the name '..'", registration({name: '..'}), /not a valid name for an entry/],
  ['a name with a slash', registration({name: 'a/b'}), /not a valid name for an entry/],
  ["the name 'register'", registration({name: 'register'}), /the name is reserved/],
  ['a name of 256 bytes', registration({name: 'é'.repeat(128)}), /expected at most 255 bytes, got 256 bytes/],
  ['an empty magic', withMagic({magic: new Uint8Array(0)}), /the magic is empty/],
  [
    'a mask of another length',
    withMagic({mask: new Uint8Array(3)}),
    /expected a mask of 4 bytes, got 3 bytes/,
  ],
  [
    'a magic past byte 256',
    withMagic({offset: 253}),
    /expected offset and magic within 256 bytes, got 4 bytes at 253/,
  ],
  ['a negative offset', withMagic({offset: -1}), /not an offset/],
  [
    'an extension with a slash',
    registration({match: {type: 'extension', extension: 'a/b'}}),
    /not a file name extension/,
  ],
  ['no interpreter', registration({interpreter: ''}), /the interpreter is missing/],
  [
    'a relative interpreter',
    registration({interpreter: './qemu-arm'}),
    /expected a path that begins with \//,
  ],
  ['an interpreter with a newline', registration({interpreter: '/a\nb'}), /contains a NUL or a newline/],
  ['flags that are no letters', registration({flags: 'p:'}), /unknown flags/],
  [
    '1,921 bytes',
    registration({interpreter: `/${'x'.repeat(1871)}`}),
    /expected 11 to 1920 bytes, got 1921 bytes/,
  ],
];

for (const [title, bad, message] of refusedRegistrations) {
  test(`refused: ${title}`, (t) => {
    const error = t.throws(() => formatRegistration(bad), {instanceOf: ElfError, message});
    t.is(error.code, 'BAD_REQUEST');
  });
}

const anyMatch = fc.oneof(
  fc.record({type: fc.constant('extension' as const), extension: fc.stringMatching(/^[^/\0\n]{1,30}$/)}),
  fc.uint8Array({minLength: 1, maxLength: 100}).chain((magic) =>
    fc.record({
      type: fc.constant('magic' as const),
      offset: fc.nat(256 - magic.length),
      magic: fc.constant(magic),
      mask: fc.option(fc.uint8Array({minLength: magic.length, maxLength: magic.length}), {nil: undefined}),
    }),
  ),
);

const anyRegistration = fc.record({
  name: fc.stringMatching(/^[a-z][^/\0\n]{0,50}$/).filter((name) => name !== 'register' && name !== 'status'),
  match: anyMatch,
  interpreter: fc.stringMatching(/^\/[^\0\n]{0,100}$/),
  flags: fc.stringMatching(/^[POCF]{0,4}$/),
});

test('every registration that is printed is read back', (t) => {
  fc.assert(
    fc.property(anyRegistration, (original) => {
      t.deepEqual(readRegistration(formatRegistration(original)), original);
    }),
  );
  t.pass();
});
