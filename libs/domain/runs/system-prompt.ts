/** By region; in a question's own, the key '' holds for regions that are not named. */
export type PromptsByRegion = Readonly<Record<string, string>>;

/** What a cell's model is told before its question: the region's prompt, then the question's own for that region. */
export function systemPromptOf(
  region: string,
  ofRun: PromptsByRegion,
  ofQuestion: PromptsByRegion | null,
): string {
  const own = ofQuestion?.[region] ?? ofQuestion?.[''] ?? '';
  return [ofRun[region] ?? '', own].filter((part) => part !== '').join('\n\n');
}
