import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { GATEWAY_LIMITS } from './gateway-limits.js';

const PROTOCOL = readFileSync('modal-deployment/beacon_deployment/protocol.py', 'utf8');

describe('the limits of a call', () => {
  it.each([
    ['MAX_BODY_BYTES', GATEWAY_LIMITS.bodyBytes],
    ['MAX_TEXT_BYTES', GATEWAY_LIMITS.textBytes],
    ['MAX_TOKENS', GATEWAY_LIMITS.tokens],
    ['MAX_MESSAGES', GATEWAY_LIMITS.messages],
    ['MAX_TEMPERATURE', GATEWAY_LIMITS.temperature],
  ])("are those of the deployments' gateway: %s", (name, limit) => {
    expect(valueOf(name)).toBe(limit);
  });
});

/** A Python constant: a number, or a product of some. */
function valueOf(name: string): number {
  const [, factors = ''] = new RegExp(`^${name} = (.+)$`, 'm').exec(PROTOCOL) ?? [];
  return factors.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}
