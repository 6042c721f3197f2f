import { describe, expect, it } from '@jest/globals';
import { secretOfTenant, signWebhook } from './sign-webhook.js';

const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const SECRET = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

it('signs as the example of Standard Webhooks does', () => {
  const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
  expect(signWebhook(`whsec_${SECRET}`, ID, 1_614_265_330, '{"test": 2432232314}')).toBe(signature);
});

it('takes any other secret as the text that it is', () => {
  const text = 'a secret of sixteen characters or more';
  const asBase64 = `whsec_${Buffer.from(text).toString('base64')}`;
  expect(signWebhook(text, ID, 1, '{}')).toBe(signWebhook(asBase64, ID, 1, '{}'));
});

describe('the secret of a tenant', () => {
  const BASE = `whsec_${SECRET}`;

  it('is the base secret for the tenant that there is without keys', () => {
    expect(secretOfTenant(BASE, 'local')).toBe(BASE);
  });

  it('is 32 bytes as Standard Webhooks has it, and stays what receivers have stored', () => {
    expect(secretOfTenant(BASE, 'anna')).toBe('whsec_B29hb/zf/GK+Rues1XAap6qehzsguKSuTPit471COWA=');
    expect(Buffer.from(secretOfTenant(BASE, 'anna').slice(6), 'base64')).toHaveLength(32);
  });

  it('is another one for every tenant and for every base secret', () => {
    const bases = [BASE, 'a secret of sixteen characters or more'];
    const all = bases.flatMap((base) =>
      ['anna', 'ben', 'Anna', ''].map((name) => secretOfTenant(base, name)),
    );
    expect(new Set([...all, ...bases]).size).toBe(10);
  });
});
