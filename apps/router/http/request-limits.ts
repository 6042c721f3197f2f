import type { Configuration } from '#config';
import { DEFAULT_REQUEST_LIMITS, type RequestLimits } from '#contracts';

/** What this deployment lets a request ask for. */
export function requestLimitsOf({ limits }: Configuration): RequestLimits {
  return { ...DEFAULT_REQUEST_LIMITS, promptBytes: limits.prompt_bytes, maxTokens: limits.max_tokens };
}
