import { describe, expect, it } from '@jest/globals';
import { hasPrinted, stepsOf } from './guide.js';

const GUIDE = `# A guide

Do this:

\`\`\`sh
echo one
\`\`\`

\`\`\`text
one …
\`\`\`

Save this as \`first.yaml\`, beside it:

\`\`\`yaml
a: 1
\`\`\`
`;

describe('a guide', () => {
  it('is read as what is run, what it prints, and what is saved', () => {
    expect(stepsOf(GUIDE)).toEqual([
      { kind: 'run', text: 'echo one', line: 6 },
      { kind: 'expect', text: 'one …', line: 10 },
      { kind: 'save', file: 'first.yaml', text: 'a: 1\n', line: 16 },
    ]);
  });

  it.each([
    ['a file that nothing names', '```json\n{}\n```'],
    ['a block without an end', '```sh\necho'],
  ])('is refused for %s', (_what, text) => {
    expect(() => stepsOf(text)).toThrow(/^line \d+: /);
  });

  it.each([
    ['a\nb\nc', 'a\nc', true],
    ['a\nb\nc', 'c\na', false],
    ['  job   42 done', 'job … done', true],
    ['job 42 failed', 'job … done', false],
    ['1.5', '1x5', false],
    ['1x5', '1.5', false],
  ])('of %j has printed %j: %s', (printed, expected, has) => {
    expect(hasPrinted(printed, expected)).toBe(has);
  });
});
