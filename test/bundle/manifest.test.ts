import test from 'ava';
import fc from 'fast-check';
import {formatManifest, type Manifest, manifestPath, parseManifest} from '../../src/bundle/manifest.js';
import {ElfError, type ErrorCode} from '../../src/errors.js';

const manifest: Manifest = {
  version: 1,
  generator: 'elfinterp 0.1.0',
  prefix: '/debootstrap',
  libs: '/debootstrap/qemu-libs',
  programs: [{path: '/debootstrap/qemu-arm', interpreter: '/debootstrap/qemu-libs/ld.so', qemuTarget: 'arm'}],
  files: [
    {
      path: '/debootstrap/qemu-arm',
      role: 'program',
      sha256: 'a'.repeat(64),
      size: 12,
      mode: 0o755,
      source: '/usr/bin/qemu-arm',
    },
    {
      path: '/debootstrap/qemu-libs/libc.so.6',
      role: 'library',
      sha256: '0'.repeat(64),
      size: 0,
      mode: 0o644,
      source: '/lib/x86_64-linux-gnu/libc.so.6',
    },
  ],
};

/** The manifest as JSON, with something in it changed. */
function changed(change: (json: ReturnType<typeof copy>) => void): string {
  const json = copy();
  change(json);
  return JSON.stringify(json);
}

// biome-ignore lint/suspicious/noExplicitAny: a test may put anything anywhere
const copy = (): any => JSON.parse(formatManifest(manifest));

test('a manifest is read back as it was written', (t) => {
  t.deepEqual(parseManifest(formatManifest(manifest), 'm'), manifest);
});

test('equal manifests are written alike, whatever the order of their parts', (t) => {
  const {files, ...rest} = manifest;
  t.is(formatManifest({files: [...files].reverse(), ...rest}), formatManifest(manifest));
});

test('a static program has no interpreter, and not every program is an emulator', (t) => {
  const programs = [{path: '/debootstrap/qemu-arm', interpreter: null, qemuTarget: null}];
  t.deepEqual(parseManifest(formatManifest({...manifest, programs}), 'm').programs, programs);
});

test('it lies in the library directory', (t) => {
  t.is(manifestPath(manifest), '/debootstrap/qemu-libs/manifest.json');
});

test('the root is a prefix, under which everything is', (t) => {
  const whole = {...manifest, prefix: '/'};
  t.deepEqual(parseManifest(formatManifest(whole), 'm'), whole);
  t.throws(() => parseManifest(formatManifest({...whole, libs: '/'}), 'm'), {code: 'OUTSIDE'});
});

const hostile: readonly (readonly [string, ErrorCode, string, RegExp])[] = [
  ['not JSON', 'BAD_MANIFEST', '{', /not JSON/],
  ['an array', 'BAD_MANIFEST', '[]', /the manifest \(expected an object, got \[\]\)/],
  ['another version', 'BAD_MANIFEST', changed((m) => (m.version = 2)), /version \(expected 1, got 2\)/],
  ['no files', 'BAD_MANIFEST', changed((m) => delete m.files), /files \(expected an array, got nothing\)/],
  ['an unknown role', 'BAD_MANIFEST', changed((m) => (m.files[0].role = 'x')), /files\[0\]\.role/],
  ['a hash in capitals', 'BAD_MANIFEST', changed((m) => (m.files[0].sha256 = 'A'.repeat(64))), /sha256/],
  [
    'a negative size',
    'BAD_MANIFEST',
    changed((m) => (m.files[0].size = -1)),
    /size \(expected a whole number/,
  ],
  ['a mode with a file type', 'BAD_MANIFEST', changed((m) => (m.files[0].mode = 0o100644)), /mode/],
  ['a path twice', 'BAD_MANIFEST', changed((m) => m.files.push(m.files[0])), /each path once/],
  [
    'a program that is no file of it',
    'BAD_MANIFEST',
    changed((m) => m.files.shift()),
    /a path listed in files/,
  ],
  [
    '/etc/passwd',
    'OUTSIDE',
    changed((m) => (m.files[1].path = '/etc/passwd')),
    /expected a path under \/debootstrap/,
  ],
  ['..', 'OUTSIDE', changed((m) => (m.files[1].path = '/debootstrap/../../x')), /without '\.', '\.\.'/],
  ['a relative path', 'OUTSIDE', changed((m) => (m.files[1].path = '../../x')), /an absolute path/],
  [
    'superfluous slashes',
    'OUTSIDE',
    changed((m) => (m.files[1].path = '/debootstrap//x')),
    /superfluous slashes/,
  ],
  ['the prefix itself', 'OUTSIDE', changed((m) => (m.files[1].path = '/debootstrap')), /a path under/],
  [
    'a sibling of the prefix',
    'OUTSIDE',
    changed((m) => (m.files[1].path = '/debootstrapx/y')),
    /a path under/,
  ],
  ['a NUL', 'OUTSIDE', changed((m) => (m.files[1].path = '/debootstrap/\0')), /got \/debootstrap\/\\x00/],
  ['a slash after the prefix', 'OUTSIDE', changed((m) => (m.prefix = '/debootstrap/')), /prefix/],
  ['libraries elsewhere', 'OUTSIDE', changed((m) => (m.libs = '/etc')), /libs/],
  [
    'an interpreter elsewhere',
    'OUTSIDE',
    changed((m) => (m.programs[0].interpreter = '/lib/x')),
    /interpreter/,
  ],
];

for (const [title, code, text, message] of hostile) {
  test(`refused: ${title}`, (t) => {
    const error = t.throws(() => parseManifest(text, '/c/manifest.json'), {instanceOf: ElfError, message});
    t.is(error.code, code);
    t.is(error.path, '/c/manifest.json');
  });
}

test('any JSON, and any value in place of one of the manifest, is a manifest or an ElfError', (t) => {
  const fields = ['version', 'generator', 'prefix', 'libs', 'programs', 'files'];
  const one = fc.tuple(fc.constantFrom(...fields), fc.jsonValue()).map(([field, value]) => {
    return JSON.stringify({...manifest, [field]: value});
  });
  fc.assert(
    fc.property(fc.oneof(one, fc.json(), fc.string()), (text) => {
      try {
        const {prefix, files} = parseManifest(text, 'm');
        t.true(files.every(({path}) => path.startsWith(`${prefix}/`)));
      } catch (error) {
        if (!(error instanceof ElfError)) throw error;
      }
    }),
  );
  t.pass();
});
