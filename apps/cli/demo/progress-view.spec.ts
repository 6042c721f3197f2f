import { describe, expect, it } from '@jest/globals';
import { Display } from './display.js';
import { bar } from '../terminal/bar.js';
import { progressBlock, progressLine, type ProgressFrame } from './progress-view.js';

const aFrame = (done: number): ProgressFrame => ({
  progress: {
    overall: { name: 'overall', done, total: 4 },
    regions: [
      { name: 'US', done, total: 4 },
      { name: 'EU', done: 0, total: 0 },
    ],
    questions: [
      { name: 'first', done, total: 2 },
      { name: 'second', done: 0, total: 2 },
    ],
  },
  current: {
    ...{ warming: 1, down: ['us-m'], waitingRetries: 2 },
    ...{ gpusInUse: 3, gpuLimit: 8 },
  },
  elapsedS: 1.25,
  timeScale: 60,
});

describe('a progress bar', () => {
  it('fills in proportion, and is full only when everything is done', () => {
    expect(bar(0, 4, 8)).toBe('░░░░░░░░');
    expect(bar(1, 4, 8)).toBe('██░░░░░░');
    expect(bar(999, 1000, 8)).toBe('███████░');
    expect(bar(4, 4, 8)).toBe('████████');
    expect(bar(0, 0, 4)).toBe('████');
  });
});

describe('progress', () => {
  it('has one bar for all and one per region, the count of each question, and what goes on', () => {
    const lines = progressBlock(aFrame(1), 100);
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/^ {2}overall {2}█+░+ +1\/4 {3}1\.\d s \(simulated 1 min 15 s\)$/);
    expect(lines[1]).toMatch(/^ {2}US {7}█+░+ +1\/4$/);
    expect(lines[3]).toBe('  Q1 1/2  Q2 0/2');
    expect(lines[4]).toBe('  GPUs 3 of 8 · 1 cold starting · 2 waiting for a retry · down: us-m');
  });

  it.each([40, 60, 100, 200])('fits a terminal of %i columns', (width) => {
    for (const line of progressBlock(aFrame(2), width)) expect(line.length).toBeLessThanOrEqual(width);
  });

  it('is one line where there is no terminal', () => {
    expect(progressLine(aFrame(1))).toMatch(
      /^ {2}1\.\d s {3}25 % {2}1\/4 {2}US 1\/4 {2}EU 0\/0 {2}Q1 1\/2 {2}Q2 0\/2$/,
    );
  });
});

describe('the display', () => {
  const aStream = (isTTY: boolean) => {
    const written: string[] = [];
    return { written, stream: { isTTY, columns: 80, write: (text: string) => written.push(text) } };
  };
  const escape = '\u001b';

  it('redraws in place on a terminal, with what is said above', () => {
    const { written, stream } = aStream(true);
    const display = new Display(stream, {});
    display.show(aFrame(1));
    display.show(aFrame(1));
    display.show({ ...aFrame(1), elapsedS: 2 });
    display.note(1, 'something happened');
    display.show(aFrame(2));
    expect(written).toHaveLength(4);
    expect(written[0]).not.toContain(escape);
    expect(written[1]).toMatch(/^.\[5A.\[0J {2}overall/);
    expect(written[2]).toMatch(/^.\[5A.\[0J.*something happened/);
    expect(written[3]).not.toContain(escape);
    display.keep();
    display.say('the end');
    expect(written.at(-1)).toBe('the end\n');
  });

  it.each([
    ['into a file', false, {}],
    ['under NO_COLOR', true, { NO_COLOR: '1' }],
    ['on a dumb terminal', true, { TERM: 'dumb' }],
  ])('writes plain lines %s, one for each few percent or seconds', (_where, isTTY, environment) => {
    const { written, stream } = aStream(isTTY);
    const display = new Display(stream, environment);
    display.show(aFrame(1));
    display.show(aFrame(1));
    display.show({ ...aFrame(1), elapsedS: 4 });
    display.show(aFrame(4));
    display.show(aFrame(4));
    display.say(display.style.bad('NOT ok'));
    expect(written).toHaveLength(4);
    expect(written.join('')).not.toContain(escape);
  });
});
