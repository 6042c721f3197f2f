import { realTime, simulatedTime } from './durations.js';
import type { CurrentState } from './notices.js';
import type { Count, ProgressSnapshot } from './progress.js';
import { bar } from '../terminal/bar.js';
import { ellipsize } from '../terminal/text-table.js';

const LABEL_CHARS = 9;
const COUNT_CHARS = 8;
const WIDEST_BAR_CHARS = 50;

export interface ProgressFrame {
  readonly progress: ProgressSnapshot;
  readonly current: CurrentState | undefined;
  readonly elapsedS: number;
  readonly timeScale: number;
}

/** The block that is redrawn in place. Every line fits the width, or redrawing would miss lines. */
export function progressBlock(frame: ProgressFrame, width: number): string[] {
  const { overall, regions } = frame.progress;
  const barChars = Math.max(10, Math.min(WIDEST_BAR_CHARS, width - LABEL_CHARS - COUNT_CHARS - 30));
  const line = ({ name, done, total }: Count, after = ''): string =>
    `  ${name.padEnd(LABEL_CHARS)}${bar(done, total, barChars)} ${`${done}/${total}`.padStart(COUNT_CHARS - 1)}${after}`;
  return [
    line(overall, `   ${times(frame)}`),
    ...regions.map((region) => line(region)),
    `  ${questionCounts(frame.progress)}`,
    `  ${stateLine(frame.current)}`,
  ].map((text) => ellipsize(text, width));
}

/** One line for a file or a pipe. */
export function progressLine(frame: ProgressFrame): string {
  const { overall, regions } = frame.progress;
  const percent = overall.total === 0 ? 100 : Math.floor((100 * overall.done) / overall.total);
  const counts = regions.map(({ name, done, total }) => `${name} ${done}/${total}`).join('  ');
  const clock = realTime(frame.elapsedS).padStart(7);
  return `${clock}  ${String(percent).padStart(3)} %  ${overall.done}/${overall.total}  ${counts}  ${questionCounts(frame.progress)}`;
}

function questionCounts({ questions }: ProgressSnapshot): string {
  return questions.map(({ done, total }, index) => `Q${index + 1} ${done}/${total}`).join('  ');
}

function times({ elapsedS, timeScale }: ProgressFrame): string {
  return `${realTime(elapsedS)} (simulated ${simulatedTime(elapsedS * timeScale)})`;
}

function stateLine(current: CurrentState | undefined): string {
  if (current === undefined) return '';
  const { warming, down, waitingRetries, gpusInUse, gpuLimit } = current;
  return [
    `GPUs ${gpusInUse} of ${gpuLimit}`,
    ...(warming > 0 ? [`${warming} cold starting`] : []),
    ...(waitingRetries > 0 ? [`${waitingRetries} waiting for a retry`] : []),
    ...(down.length > 0 ? [`down: ${down.join(', ')}`] : []),
  ].join(' · ');
}
