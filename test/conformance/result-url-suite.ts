import { describe, expect, it } from '@jest/globals';
import { jsonOf, type Answered } from './caller.js';
import { answerSchema } from './documents.js';
import { running } from './running.js';
import type { Candidate } from './target.js';

/** Only for guarded targets whose first call is known to take longer than one request may. */
export function conformanceOfResultUrls(candidate: Candidate): void {
  describe(candidate.title, () => {
    const current = running(candidate);

    it(
      'a call that takes too long is an empty 303 to a result URL, which is read by GET and by nothing else',
      async () => {
        const { caller, model, url } = current();
        const first = await caller.ask({ url, body: { model, prompt: 'What is 2+2?' } });
        expect({ status: first.status, text: first.text }).toEqual({ status: 303, text: '' });
        const resultUrl = new URL(first.headers.get('location') ?? '', url);
        expect(resultUrl.origin).toBe(new URL(url).origin);
        expect(resultUrl.href).not.toBe(url);

        const posted = await caller.ask({ url: resultUrl.href, body: { model, prompt: 'x' } });
        expect(posted.status).toBe(400);
        expect(posted.text).toContain('bad redirect method');
        expect((await caller.ask({ url: resultUrl.href, credentials: null })).status).toBe(401);
        const headers = { 'modal-function-call-id': 'fc-1' };
        expect((await caller.ask({ url: resultUrl.href, headers })).status).toBe(400);

        let answer: Answered = first;
        while (answer.status === 303)
          answer = await caller.ask({ url: new URL(answer.headers.get('location') ?? '', url).href });
        expect(answer.status).toBe(200);
        answerSchema.parse(jsonOf(answer.text));
      },
      candidate.limitMs,
    );
  });
}
