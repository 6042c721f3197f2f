import { diffWordsWithSpace } from 'diff';

export interface Piece {
  readonly kind: 'same' | 'added' | 'removed';
  readonly text: string;
}

/** Texts that have nothing in common take long to compare, and then there is nothing to see. */
const EDITS_MAX = 2000;
const COMPARED_MS = 100;

/**
 * Where an answer differs from another, word by word.
 * @returns undefined where they are too different, or too long, to be compared in a moment
 */
export function differenceOf(baseline: string, answer: string): Piece[] | undefined {
  if (baseline === answer) return [{ kind: 'same', text: answer }];
  const changes = diffWordsWithSpace(baseline, answer, { maxEditLength: EDITS_MAX, timeout: COMPARED_MS });
  return (
    changes &&
    inPassages(
      changes.map(({ added, removed, value }) => ({
        kind: added ? 'added' : removed ? 'removed' : 'same',
        text: value,
      })),
    )
  );
}

/** Words that were changed one after the other are one passage: what was left out of it, then what stands in its place. */
function inPassages(pieces: readonly Piece[]): Piece[] {
  const passages: Piece[] = [];
  let [removed, added] = ['', ''];
  const end = (): void => {
    if (removed !== '') passages.push({ kind: 'removed', text: removed });
    if (added !== '') passages.push({ kind: 'added', text: added });
    [removed, added] = ['', ''];
  };
  for (const [index, { kind, text }] of pieces.entries()) {
    const goesOn = pieces[index + 1] !== undefined && pieces[index + 1]?.kind !== 'same';
    if (kind === 'removed') removed += text;
    else if (kind === 'added') added += text;
    else if (goesOn && removed !== '' && added !== '' && text.trim() === '') {
      removed += text;
      added += text;
    } else {
      end();
      passages.push({ kind, text });
    }
  }
  end();
  return passages;
}
