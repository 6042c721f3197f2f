import { RouterProblem } from '../client/router-problem.js';

/**
 * What a refused decision means: somebody or the clock was faster. What is shown next comes from the router, not from here.
 * @returns undefined where the refusal is of another kind and is shown as it is
 */
export function overtaken(error: unknown): string | undefined {
  if (!(error instanceof RouterProblem)) return undefined;
  switch (error.problem.code) {
    case 'GATE_DECIDED':
      return `It was decided meanwhile: ${error.problem.detail}.`;
    case 'RUN_FINISHED':
      return 'The run was ended meanwhile: nothing is left to decide.';
    case 'RUN_NOT_FOUND':
    case 'GATE_NOT_FOUND':
      return 'It is not there any more.';
    default:
      return undefined;
  }
}
