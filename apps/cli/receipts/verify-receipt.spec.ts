import { describe, expect, it } from '@jest/globals';
import type { Receipt } from '#contracts';
import { aReceipt, hashOf, receiptKeyPair, signedReceipt } from '#testing';
import fc from 'fast-check';
import { checkResults } from './check-results.js';
import { pinnedKeyOf } from './public-key.js';
import { verifyReceipt } from './verify-receipt.js';

const keys = receiptKeyPair();
const base64Of = ({ publicKey } = keys): string =>
  publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
const file = signedReceipt(aReceipt(), keys);
const faultsOf = (bytes: Uint8Array, key?: string): readonly string[] => verifyReceipt(bytes, key).faults;

/** Every place in a JSON value that holds no object and no list. */
function leaves(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return Object.entries(value).flatMap(([name, member]) => leaves(member, [...path, name]));
}

function changed(value: unknown, path: readonly string[], to: unknown): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
  let place = copy;
  for (const name of path.slice(0, -1)) place = place[name] as Record<string, unknown>;
  place[path.at(-1) ?? ''] = to;
  return copy;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((place, name) => (place as Record<string, unknown>)[name], value);
}

describe('a receipt', () => {
  it('holds as it was issued, with the right key and without one', () => {
    expect(faultsOf(file)).toEqual([]);
    expect(faultsOf(file, base64Of())).toEqual([]);
  });

  it('does not hold with any byte changed, left out or added', () => {
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, xor) => {
        const bytes = Buffer.from(file);
        bytes[at] = (bytes[at] ?? 0) ^ xor;
        expect(faultsOf(bytes)).not.toEqual([]);
        const without = Buffer.concat([file.subarray(0, at), file.subarray(at + 1)]);
        expect(faultsOf(without)).not.toEqual([]);
        const withMore = Buffer.concat([file.subarray(0, at), Buffer.from([32]), file.subarray(at)]);
        expect(faultsOf(withMore)).not.toEqual([]);
      }),
      { numRuns: 300 },
    );
    expect(faultsOf(Buffer.concat([file, Buffer.from('\n')]))).toHaveLength(1);
  });

  const anyField = fc.constantFrom(...leaves(aReceipt()));
  const anyValue = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.boolean(),
    fc.nat(3),
    fc.constantFrom('US', 'EU', 'q1', 'failed'),
  );

  it('does not hold with any field changed under the old signature', () => {
    const { signature } = JSON.parse(file.toString()) as { signature: unknown };
    fc.assert(
      fc.property(anyField, anyValue, (path, value) => {
        const receipt = aReceipt();
        fc.pre(JSON.stringify(valueAt(receipt, path)) !== JSON.stringify(value));
        const forged = Buffer.from(
          // The names of a receipt are in the right order here already.
          signedReceipt(changed(receipt, path, value), keys)
            .toString()
            .replace(/"signature":\{.*\}\}$/, `"signature":${JSON.stringify(signature)}}`),
        );
        expect(faultsOf(forged)).not.toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('does not hold with any field changed and signed anew by somebody else, where the key is known', () => {
    const other = receiptKeyPair();
    fc.assert(
      fc.property(anyField, anyValue, (path, value) => {
        const forged = signedReceipt(changed(aReceipt(), path, value), other);
        expect(faultsOf(forged, base64Of())).not.toEqual([]);
      }),
    );
    expect(faultsOf(signedReceipt(aReceipt(), other), base64Of())).toContain(
      'it is signed with another key than the one that was given',
    );
  });

  it.each<[string, (document: { receipt: Receipt; signature: Record<string, string> }) => void, string]>([
    ['an unknown version', ({ receipt }) => Object.assign(receipt, { version: 2 }), 'not a receipt'],
    ['another algorithm', ({ signature }) => (signature['algorithm'] = 'none'), 'not a receipt'],
    ['another key id', ({ signature }) => (signature['key_id'] = 'abc'), 'key_id'],
    ['no signature to speak of', ({ signature }) => (signature['value'] = ''), 'does not fit'],
    ['a key that is none', ({ signature }) => (signature['public_key'] = 'AAAA'), 'cannot be checked'],
    [
      'spare bits of base64 used',
      ({ signature }) =>
        (signature['value'] = (signature['value'] ?? '').replace(
          /(.)==$/,
          (_all, last: string) => `${String.fromCharCode(last.charCodeAt(0) + 1)}==`,
        )),
      'cannot be checked',
    ],
  ])('does not hold with %s', (_what, change, fault) => {
    const document = JSON.parse(file.toString()) as { receipt: Receipt; signature: Record<string, string> };
    change(document);
    expect(faultsOf(Buffer.from(JSON.stringify(document))).join()).toContain(fault);
  });

  it.each([['{}'], ['[]'], ['null'], [''], ['{"receipt":{},"signature":{}}']])('is not %j', (text) => {
    expect(verifyReceipt(Buffer.from(text))).toMatchObject({
      document: undefined,
      faults: [expect.any(String)],
    });
  });

  it('is found to be padded with names twice', () => {
    const twice = file.toString().replace('{"receipt":', '{"receipt":{"cells":[]},"receipt":');
    expect(faultsOf(Buffer.from(twice)).join()).toContain('canonical form');
  });
});

describe('a key to trust', () => {
  it('may be base64, a PEM file or the answer of the server', () => {
    const pem = keys.publicKey.export({ format: 'pem', type: 'spki' }).toString();
    const answer = {
      ...{
        algorithm: 'Ed25519',
        key_id: 'x',
        public_key: base64Of(),
        created_at: '2026-11-01T12:00:00.000Z',
      },
      retired: [],
    };
    for (const given of [base64Of(), `${base64Of()}\n`, pem, JSON.stringify(answer)])
      expect(pinnedKeyOf(given)).toBe(base64Of());
  });

  it.each([[''], ['nonsense'], ['{}'], ['-----BEGIN PUBLIC KEY-----']])('is not %j', (text) => {
    expect(() => pinnedKeyOf(text)).toThrow();
  });
});

describe('results held against a receipt', () => {
  const rows = (): Record<string, unknown>[] =>
    aReceipt().cells.map((cell) => ({
      ...{ question_id: cell.question_id, model: cell.model, region: cell.region, repeat: cell.repeat },
      ...{ status: cell.status, answered_region: cell.answered_region, substituted: cell.substituted },
      response: cell.status === 'accepted' ? `answer ${cell.cell_no}` : null,
    }));
  const jsonl = (list: unknown[]): string => list.map((row) => `${JSON.stringify(row)}\n`).join('');
  const json = (list: unknown[], runId = aReceipt().run.run_id): string =>
    `${JSON.stringify({ run_id: runId, status: 'completed', results: list })}\n`;

  it('are the same in both formats', () => {
    expect(hashOf('answer 1')).toBe(aReceipt().cells[0]?.answer_sha256);
    for (const text of [jsonl(rows()), json(rows())]) expect(checkResults(aReceipt(), text)).toEqual([]);
  });

  it.each<[string, (list: Record<string, unknown>[]) => void, string]>([
    ['another answer', ([first]) => Object.assign(first ?? {}, { response: 'Answer 1' }), 'that was signed'],
    [
      'an answer where none was given',
      (list) => Object.assign(list[4] ?? {}, { response: 'x' }),
      'that was signed',
    ],
    ['another seed', ([first]) => Object.assign(first ?? {}, { seed: 1 }), 'another seed'],
    ['a row too few', (list) => void list.pop(), 'have no row'],
    ['a row twice', (list) => void list.push(list[0] ?? {}), 'comes again'],
    [
      'another region',
      (list) => Object.assign(list[1] ?? {}, { answered_region: 'EU', substituted: false }),
      'where it is from',
    ],
    ['a row that is none', (list) => void list.push({ question_id: 1 }), 'is not a result'],
  ])('differ by %s', (_what, change, fault) => {
    const list = rows();
    change(list);
    for (const text of [jsonl(list), json(list)])
      expect(checkResults(aReceipt(), text).join('\n')).toContain(fault);
  });

  it('may have lost answers that were erased since, but none that were not given', () => {
    const erased = rows().map((row) => ({
      ...row,
      ...(row['response'] === null ? {} : { response: null, erased: true }),
    }));
    for (const text of [jsonl(erased), json(erased)]) expect(checkResults(aReceipt(), text)).toEqual([]);
    const lost = erased.map((row) => ({ ...row, erased: false }));
    expect(checkResults(aReceipt(), jsonl(lost)).join('\n')).toContain('that was signed');
  });

  it('are of another run', () => {
    expect(checkResults(aReceipt(), json(rows(), 'other'))).toEqual(['results are those of run other']);
  });

  it('may know more than the receipt of a run that went on', () => {
    const receipt = aReceipt();
    const open = {
      ...receipt.cells[0]!,
      status: 'submitted' as const,
      answer_sha256: null,
      answered_region: null,
    };
    const early: Receipt = { ...receipt, ended: false, cells: [open, ...receipt.cells.slice(1)] };
    expect(checkResults(early, jsonl(rows()))).toEqual([]);
    expect(checkResults({ ...early, ended: true }, jsonl(rows()))).not.toEqual([]);
  });
});
