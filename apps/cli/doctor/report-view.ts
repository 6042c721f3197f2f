import type { Style } from '../terminal/style.js';
import { printable, wrap } from '../terminal/text-table.js';
import { inOrder, type Finding, type Place } from './finding.js';

export interface DoctorReport {
  readonly findings: readonly Finding[];
  /** What was looked at. */
  readonly checked: readonly string[];
  /** What was not, and why. */
  readonly skipped: readonly string[];
}

const INDENT = '  ';

/** Each finding with its place and its cure, then what was looked at. */
export function reportLines(report: DoctorReport, width: number, style: Style): string[] {
  const { errors, warnings } = countsOf(report);
  return [
    ...inOrder(report.findings).flatMap((found) => findingLines(found, width, style)),
    ...report.checked.map((line) => style.faint(`checked: ${printable(line)}`)),
    ...report.skipped.map((line) => style.faint(`not checked: ${printable(line)}`)),
    errors + warnings === 0
      ? style.good('nothing to mend')
      : `${count(errors, 'error')}, ${count(warnings, 'warning')}`,
  ];
}

function findingLines({ severity, code, what, where, cure }: Finding, width: number, style: Style): string[] {
  const mark = severity === 'error' ? style.bad('error') : style.bold('warning');
  const place = placeText(where);
  return [
    `${mark} ${code}${place === '' ? '' : `  ${style.faint(printable(place))}`}`,
    ...wrap(what, width - INDENT.length).map((line) => `${INDENT}${line}`),
    ...wrap(`cure: ${cure}`, width - INDENT.length).map((line) => `${INDENT}${style.good(line)}`),
    '',
  ];
}

function placeText({ file, line, key, setting, address }: Place): string {
  const at = file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}`;
  return [setting, at, key, address].filter((part) => part !== undefined && part !== '').join(' ');
}

export function countsOf({ findings }: Pick<DoctorReport, 'findings'>): { errors: number; warnings: number } {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  return { errors, warnings: findings.length - errors };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
