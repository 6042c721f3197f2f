import { describe, expect, it } from '@jest/globals';
import { LineSplitter } from './line-splitter.js';
import { summarizeOutput } from './summarize-output.js';

describe('why a process ended, from its last lines', () => {
  it.each([
    [
      'a plain message',
      ['beacon router: DATABASE_URL is not valid'],
      'beacon router: DATABASE_URL is not valid',
    ],
    [
      'a logged fault with its cause rather than later chatter',
      [
        '{"level":"fatal","msg":"unhandled fault","err":{"message":"connection refused"}}',
        '{"level":"info","msg":"stopping"}',
      ],
      'unhandled fault: connection refused',
    ],
    [
      'the error above its stack trace',
      ['file:///x.js:1', '    throw x', 'Error: broken', '    at a (b:1:2)', '', 'Node.js v20.20.2'],
      'Error: broken',
    ],
    ['the last line where nothing looks like an error', ['one', 'two'], 'two'],
  ])('is %s', (_, lines, summary) => {
    expect(summarizeOutput(lines)).toBe(summary);
  });

  it('is unknown where nothing was said', () => {
    expect(summarizeOutput([])).toBeUndefined();
  });
});

describe('lines from chunks', () => {
  it('come out whole, the last one without its end too', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    splitter.push('on');
    splitter.push('e\ntwo\nth');
    splitter.push('ree');
    expect(lines).toEqual(['one', 'two']);
    splitter.end();
    expect(lines).toEqual(['one', 'two', 'three']);
  });
});
