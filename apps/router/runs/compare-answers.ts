import { setImmediate } from 'node:timers/promises';
import type { ComparedAnswer, ComparisonView } from '#contracts';
import { findRefusal, similarityOf, wordPairsOf, wordsOf } from '#domain';
import type { ComparedCell } from '#persistence';

/** Pairs compared before others get their turn: some milliseconds even where every answer is long. */
const PAIRS_AT_ONCE = 25;
const PRECISION = 10_000;

export function comparedAnswer(cell: ComparedCell): ComparedAnswer {
  const { model, region, state, answer, answeredRegion } = cell;
  const phrase = answer === null ? undefined : findRefusal(answer);
  return {
    model,
    region,
    status: state,
    response: answer,
    answered_region: answeredRegion,
    substituted: cell.substituted ?? false,
    error_code: cell.errorCode,
    characters: answer === null ? null : [...answer].length,
    words: answer === null ? null : wordsOf(answer).length,
    refusal: answer === null ? null : phrase !== undefined,
    refusal_phrase: phrase ?? null,
    erased: cell.erased,
  };
}

/** Each answer with each that comes after it. */
export async function compareAnswers(
  answers: readonly ComparedAnswer[],
): Promise<ComparisonView['similarities']> {
  const given = answers.flatMap(({ response, model, region, substituted }) =>
    response === null ? [] : [{ side: { model, region }, substituted, pairs: wordPairsOf(response) }],
  );
  const similarities: ComparisonView['similarities'] = [];
  for (const [index, left] of given.entries()) {
    for (const right of given.slice(index + 1)) {
      similarities.push({
        left: left.side,
        right: right.side,
        substituted: left.substituted || right.substituted,
        similarity: Math.round(similarityOf(left.pairs, right.pairs) * PRECISION) / PRECISION,
      });
      if (similarities.length % PAIRS_AT_ONCE === 0) await setImmediate();
    }
  }
  return similarities;
}
