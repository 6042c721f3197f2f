/**
 * Names of fields that no answer to a customer has, at any depth. Whatever the schemas say, tests hold the raw bytes of
 * every answer against this list.
 */
export const FORBIDDEN_FIELDS = [
  'internal_cost',
  'gpu_cost',
  'llm_cost',
  'total_cost',
  'margin',
  'markup',
  'provider',
  'llm_model',
  'tokens_billed',
  'tokens_in',
  'endpoint',
  'endpoint_id',
  'endpoints',
  'cells_per_endpoint',
  'gpu',
  'unpriced_gpus',
  'workspace',
  'container_id',
  'upstream_call_id',
  'health_url',
  'error_detail',
  'http_status',
] as const;

const NAMES = new Set<string>(FORBIDDEN_FIELDS);

/**
 * @param text an answer as it stands on the wire: JSON, lines of it, server-sent events, or CSV with its columns
 * @returns forbidden names that are used as a field or a column
 */
export function forbiddenFieldsIn(text: string): string[] {
  // A name inside of a string has its quotes escaped: what is found is a member. OpenAI's batches say under `endpoint`
  // which path of the API they ask; an endpoint of ours has no slash in its name.
  const members = [...text.matchAll(/(?<!\\)"([a-z_]+)"\s*:(?!\s*"\/v1\/)/g)].map(([, name]) => name ?? '');
  const [firstLine = ''] = text.split('\n', 1);
  const columns = /^[a-z0-9_]+(,[a-z0-9_]+)+\r?$/.test(firstLine) ? firstLine.trim().split(',') : [];
  return [...new Set([...members, ...columns])].filter((name) => NAMES.has(name));
}
