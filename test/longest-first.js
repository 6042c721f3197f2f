import TestSequencer from '@jest/test-sequencer';

/** The longest first, so that none of them runs alone at the end. Files are told apart by what they start. */
const LONGEST_FIRST = ['docs', 'chaos', 'modal', 'python', 'clients', 'page', 'e2e', 'conformance'].map(
  (folder) => `/test/${folder}/`,
);

/** Without the times of a run before, as in CI, Jest goes by the size of files, which says little here. */
export default class LongestFirst extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const index = LONGEST_FIRST.findIndex((folder) => path.includes(folder));
      return index < 0 ? LONGEST_FIRST.length : index;
    };
    return super.sort(tests).sort((left, right) => rank(left) - rank(right));
  }
}
