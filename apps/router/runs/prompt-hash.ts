import { createHash } from 'node:crypto';
import { canonicalJson, systemPromptOf, type PromptsByRegion } from '#domain';
import type { ContentHashes, RunEntity, RunQuestion } from '#persistence';

export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

export interface PromptHashes {
  /** null: the question is asked without a system prompt. */
  readonly system_sha256: string | null;
  /** Of the canonical JSON of the messages. */
  readonly prompt_sha256: string;
}

/** What a region is asked, as fingerprints: anybody who has the texts can make them again. */
export function promptHashes(
  region: string,
  ofRun: PromptsByRegion,
  { text, systems }: Pick<RunQuestion, 'text' | 'systems'>,
): PromptHashes {
  const system = systemPromptOf(region, ofRun, systems);
  const question = { role: 'user', content: text };
  const messages = system === '' ? [question] : [{ role: 'system', content: system }, question];
  return {
    system_sha256: system === '' ? null : sha256(system),
    prompt_sha256: sha256(canonicalJson(messages)),
  };
}

/** What a receipt says of a question: computed while its text is there, and as it was kept once that is erased. */
export function contentHashes(
  spec: Pick<RunEntity['spec'], 'regions' | 'system_prompts'>,
  question: Pick<RunQuestion, 'text' | 'systems' | 'contentHashes'>,
): ContentHashes {
  return (
    question.contentHashes ?? {
      text_sha256: sha256(question.text),
      prompts: Object.fromEntries(
        spec.regions.map((region) => [region, { ...promptHashes(region, spec.system_prompts, question) }]),
      ),
    }
  );
}
