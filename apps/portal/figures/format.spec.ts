import { describe, expect, it } from '@jest/globals';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatShare,
  formatTime,
  formatUsd,
  roughly,
} from './format.js';

describe('figures as they are shown', () => {
  it.each([
    [0, '0 ms'],
    [0.0421, '42 ms'],
    [2.34, '2.3 s'],
    [59.4, '59 s'],
    [60, '1 min'],
    [199.6, '3 min 20 s'],
    [3600, '1 h'],
    [7_290, '2 h 1 min'],
    [90_000, '1 d 1 h'],
  ])('%d s is %j', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it.each([
    [0, '$0.00'],
    [12.5, '$12.50'],
    [0.0475, '$0.0475'],
    [0.00695, '$0.006950'],
    [1234.5, '$1,234.50'],
    [0.0000001, '$0.0000001'],
  ])('%d dollars are %j', (usd, text) => expect(formatUsd(usd)).toBe(text));

  it.each([
    [0, '0 B'],
    [1023, '1,023 B'],
    [1536, '1.5 KiB'],
    [20 * 1024 ** 2, '20 MiB'],
    [3 * 1024 ** 3, '3 GiB'],
  ])('%d bytes are %j', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('has estimates that say no more than is known, and never less than a second', () => {
    expect([0, 0.2, 5.3, 61, 119.5, 121, 7199, 7200].map(roughly)).toEqual([
      '1 s',
      '1 s',
      '6 s',
      '1 min 1 s',
      '2 min',
      '2 min',
      '120 min',
      '2 h',
    ]);
  });

  it('says 100 % of all only', () => {
    expect([formatShare(0, 0), formatShare(99_999, 100_000), formatShare(3, 3)]).toEqual([
      '0 %',
      '99 %',
      '100 %',
    ]);
    expect(formatCount(100_000)).toBe('100,000');
  });

  it('leaves out the date where it is today in the reader’s zone', () => {
    const at = new Date('2026-03-01T23:30:05Z');
    expect(formatTime(at, new Date('2026-03-01T23:59:00Z'), 'UTC')).toBe('23:30:05');
    expect(formatTime(at, new Date('2026-03-02T00:01:00Z'), 'UTC')).toBe('2026-03-01 23:30:05');
    expect(formatTime(at, new Date('2026-03-02T00:01:00Z'), 'Europe/Berlin')).toBe('00:30:05');
  });
});
