/** What the gateway of a real deployment takes (`modal-deployment/beacon_deployment/protocol.py`); a spec compares the two. */
export const GATEWAY_LIMITS = {
  /** Beyond: 413. */
  bodyBytes: 8 * 1024 ** 2,
  /** All messages together, in UTF-8. */
  textBytes: 512 * 1024,
  messages: 1024,
  tokens: 32_768,
  temperature: 5,
} as const;
