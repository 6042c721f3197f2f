import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_REQUEST_LIMITS } from '../http/inference.js';
import { DOOR_HEADERS, placeOf, readDoorHeaders } from './headers.js';
import { pinnedName, readModelName } from './models.js';

const REGIONS: Readonly<Record<string, string>> = { us: 'US', eu: 'EU', 'eu-west': 'EU' };
const resolveRegion = (name: string): string | undefined => REGIONS[name.toLowerCase()];
const known = (...models: string[]) => ({ models: new Set(models), resolveRegion });
const headers = (given: Record<string, string>) => readDoorHeaders(given, DEFAULT_REQUEST_LIMITS);

describe("a model's name", () => {
  it.each([
    ['m', 'm', undefined],
    ['m@us', 'm', 'US'],
    ['m@EU-West', 'm', 'EU'],
    ['org/m@us', 'org/m', 'US'],
    ['m@v2@us', 'm@v2', 'US'],
    ['m@v2', 'm@v2', undefined],
    ['m@us@v2', 'm@us@v2', undefined],
    ['@us', '@us', undefined],
    ['m@', 'm@', undefined],
    ['odd@us', 'odd@us', undefined],
  ])('%s means %s in %s', (name, model, region) => {
    expect(readModelName(name, known('m', 'odd@us'))).toEqual({ model, region });
  });

  it('that is listed as pinned is read as such', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.constantFrom('US', 'EU'), (model, region) => {
        expect(readModelName(pinnedName(model, region), known(model))).toEqual({ model, region });
      }),
    );
  });
});

describe('headers of the door', () => {
  it.each([
    ['x-beacon-region-policy', 'sometimes'],
    ['x-beacon-priority', 'urgent'],
    ['x-beacon-timeout-ms', '0'],
    ['x-beacon-timeout-ms', '1.5'],
    ['x-beacon-timeout-ms', '99999999999'],
    ['x-beacon-deadline', 'tomorrow'],
    ['x-beacon-run-id', ''],
    ['x-beacon-cell-id', 'x'.repeat(257)],
    ['x-beacon-keep-alive', 'maybe'],
    ['x-beacon-regoin', 'US'],
  ])('%s: %s is refused by its name', (name, value) => {
    expect(() => headers({ [name]: value })).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ field: name })] }),
    );
  });

  it('are all that is documented, and no others of the request', () => {
    expect(headers({ 'x-request-id': '1', 'x-beacon-tenant': 't', 'x-beacon-priority': 'low' })).toEqual({
      'x-beacon-priority': 'low',
    });
    for (const name of DOOR_HEADERS)
      expect(() => headers({ [name.toLowerCase()]: '\u0001' })).not.toThrow('is not a known field');
  });

  it.each([
    [{}, undefined, { region: undefined, regionPolicy: undefined }],
    [{}, 'US', { region: 'US', regionPolicy: 'pin' }],
    [{ 'x-beacon-region': 'eu-west' }, undefined, { region: 'EU', regionPolicy: undefined }],
    [
      { 'x-beacon-region': 'us', 'x-beacon-region-policy': 'pin' },
      undefined,
      { region: 'US', regionPolicy: 'pin' },
    ],
    [{ 'x-beacon-region': 'us' }, 'US', { region: 'US', regionPolicy: 'pin' }],
  ])('%j and a name pinned to %s make a place', (given, region, place) => {
    expect(placeOf({ model: 'm', region }, headers(given), resolveRegion)).toMatchObject(place);
  });

  it.each([
    [{ 'x-beacon-region': 'mars' }, undefined, 'x-beacon-region'],
    [{ 'x-beacon-region': 'eu' }, 'US', 'x-beacon-region'],
    [{ 'x-beacon-region-policy': 'any' }, 'US', 'x-beacon-region-policy'],
    [{ 'x-beacon-region-policy': 'pin' }, undefined, 'x-beacon-region-policy'],
  ])('%j and a name pinned to %s are refused: %s', (given, region, field) => {
    expect(() => placeOf({ model: 'm', region }, headers(given), resolveRegion)).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ field })] }),
    );
  });

  it('label the job', () => {
    const given = headers({ 'x-beacon-run-id': 'r', 'x-beacon-cell-id': 'c' });
    expect(placeOf({ model: 'm', region: undefined }, given, resolveRegion).metadata).toEqual({
      run_id: 'r',
      cell_id: 'c',
    });
  });
});
