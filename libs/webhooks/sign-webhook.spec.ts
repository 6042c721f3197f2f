import { expect, it } from '@jest/globals';
import { signWebhook } from './sign-webhook.js';

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
