/*
 * Bad input, field by field: every field of every header, dynamic entry, note, version and hash table gets values out
 * of its range. Everything readable is read, and an edit either does what it says or is refused; nothing else is
 * thrown, and the checker rejects no plan (test/fuzz/target.ts defines what runs on each input).
 */
import test from 'ava';
import {openElfBuffer} from '../../src/index.js';
import {edits} from '../fuzz/edits.js';
import type {AnyRecord, Fields, PlacedRecord} from '../fuzz/placed-records.js';
import {placeRecords} from '../fuzz/placed-records.js';
import {examine} from '../fuzz/target.js';
import {fixtureBytes} from '../helpers/fixtures.js';

/** There are too many of these to try each; the fuzzer draws some. */
const many: ReadonlySet<string> = new Set(['Sym', 'Rel', 'Rela', 'half', 'word', 'address']);
const chosen = edits
  .filter(
    ({request: {interpreter, runpath, payload}}) => (interpreter ?? runpath ?? '').length > 100 && !payload,
  )
  .slice(0, 2);

/** As numbers, and as addresses where the field holds one. */
function badValues(old: number | bigint, length: number): (number | bigint)[] {
  const values = [0, length - 1, 0xffffffff];
  if (typeof old === 'number') return values;
  return [...values.map(BigInt), 0xffffffffffffffffn];
}

/** The file with one field of one record changed; undefined where the value does not fit, or is the old one. */
function damage(
  bytes: Uint8Array,
  {type, offset}: PlacedRecord,
  field: string,
  value: number | bigint,
): Uint8Array | undefined {
  const {format} = openElfBuffer(bytes).view;
  const record = type.decode(bytes, format, offset);
  const encoded = encode(type, {...record, [field]: value}, format);
  if (encoded === undefined) return undefined;
  const damaged = bytes.slice();
  damaged.set(encoded, offset);
  return Buffer.compare(damaged, bytes) === 0 ? undefined : damaged;
}

function encode(type: AnyRecord, record: Fields, format: Parameters<AnyRecord['encode']>[1]) {
  try {
    return type.encode(record, format);
  } catch {
    return undefined;
  }
}

for (const name of [
  'x86_64/probe-pie',
  'x86_64/probe-lld-pie',
  'armhf/libprobe.so.1',
  's390x/needs-libprobe',
]) {
  test(`${name}: each field out of range is read, and edited or refused`, (t) => {
    t.timeout(10 * 60_000, 'thousands of files are planned for');
    const bytes = new Uint8Array(fixtureBytes(name));
    const {view} = openElfBuffer(bytes);
    const outcomes = {files: 0, planned: 0, refused: 0};
    const wrong: string[] = [];
    for (const record of placeRecords(view).filter(({type}) => !many.has(type.name))) {
      const fields = record.type.decode(bytes, view.format, record.offset);
      for (const [field, old] of Object.entries(fields)) {
        for (const value of badValues(old, bytes.length)) {
          const damaged = damage(bytes, record, field, value);
          if (damaged === undefined) continue;
          const where = `${record.type.name} at ${record.offset}, ${field} ${value}`;
          try {
            const {planned, refused, stopped} = examine(damaged, chosen);
            wrong.push(...stopped.map((message) => `${where}: ${message}`));
            outcomes.files += 1;
            outcomes.planned += planned;
            outcomes.refused += refused;
          } catch (error) {
            wrong.push(`${where}: ${(error as Error).stack}`);
          }
        }
      }
    }
    t.deepEqual(wrong, []);
    t.log(`${outcomes.files} files, ${outcomes.planned} edits planned, ${outcomes.refused} refused`);
    t.true(outcomes.planned > 100 && outcomes.refused > 100);
  });
}
