/**
 * Rule 27.
 * @param deployed the web endpoints that count already
 * @returns Modal's text when one more is one too many, otherwise `undefined`
 */
export function webEndpointLimitProblem(
  deployed: ReadonlySet<string>,
  added: string,
  limit: number,
): string | undefined {
  if (deployed.has(added) || deployed.size < limit) return undefined;
  return `reached limit of ${limit} web endpoints (# already deployed => ${deployed.size}, # in this app => 1)`;
}
