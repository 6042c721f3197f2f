/** Days, hours, minutes or seconds, whichever two say it best. @param seconds not negative, fractions allowed */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${(Math.round(seconds * 10) / 10).toString()} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return joined(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86_400) return joined(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min');
  return joined(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3600), 'h');
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/**
 * How long something will take: an estimate is no promise, so whole seconds, whole minutes from two minutes on, tens of
 * them from hours on. What was measured is told by `formatDuration`.
 */
export function roughly(seconds: number): string {
  if (seconds < 120) return formatDuration(Math.max(1, Math.ceil(seconds)));
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return formatDuration(Math.round(seconds / 600) * 600);
}

const COUNT = new Intl.NumberFormat('en-US');

export function formatCount(count: number): string {
  return COUNT.format(count);
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function formatBytes(bytes: number): string {
  const step = bytes < 1024 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** step;
  return `${amount < 10 && step > 0 ? (Math.round(amount * 10) / 10).toString() : COUNT.format(Math.round(amount))} ${BYTE_UNITS[step] ?? 'B'}`;
}

/** Small sums keep their cents' fractions: a run may cost less than one. */
export function formatUsd(usd: number): string {
  if (usd !== 0 && Math.abs(usd) < 0.000_001)
    return `$${usd.toLocaleString('en-US', { maximumSignificantDigits: 2 })}`;
  const digits = usd === 0 || Math.abs(usd) >= 1 ? 2 : Math.abs(usd) >= 0.01 ? 4 : 6;
  return `$${usd.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** @returns rounded down, so that 100 % means all */
export function formatShare(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${Math.floor((100 * part) / whole)} %`;
}

/**
 * The time of day, with the date where it is not today's.
 * @param timeZone default: the reader's own
 */
export function formatTime(at: Date, now: Date, timeZone?: string): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  const day = (date: Date): string => date.toLocaleDateString('en-CA', zone);
  const time = at.toLocaleTimeString('en-GB', { hour12: false, ...zone });
  return day(at) === day(now) ? time : `${day(at)} ${time}`;
}
