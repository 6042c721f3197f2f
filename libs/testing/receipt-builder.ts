import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { Receipt, ReceiptCell } from '#contracts';
import { canonicalJson, cellSeed } from '#domain';

const AT = '2026-11-01T12:00:00.000Z';

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

const uuidOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

/** Of the run. */
const SEED = 7;

type Kind = 'answered' | 'retried' | 'substituted' | 'failed';

/**
 * The receipt of an ended run with every kind of cell: 2 questions x 2 models x 2 regions; "large" is deployed in EU
 * only, and a cell may be answered by another region.
 */
export function aReceipt(): Receipt {
  const pairs = [
    { model: 'small', region: 'US' },
    { model: 'small', region: 'EU' },
    { model: 'large', region: 'EU' },
  ];
  const kinds: Kind[] = ['answered', 'substituted', 'retried', 'answered', 'failed', 'answered'];
  const cells = ['q1', 'q2'].flatMap((question, questionIndex) =>
    pairs.map((pair, pairIndex) => {
      const index = questionIndex * pairs.length + pairIndex;
      return aCell(index + 1, question, pair, kinds[index] ?? 'answered');
    }),
  );
  const names = ({ cell_no, question_id, model, region, repeat }: ReceiptCell) => ({
    ...{ cell_no, question_id, model, region, repeat },
  });
  return {
    version: 1,
    issued_at: AT,
    ended: true,
    run: {
      ...{ run_id: uuidOf(999), name: 'bias', status: 'completed_with_failures' },
      ...{ models: ['small', 'large'], regions: ['US', 'EU'], pairs },
      ...{ unavailable: [{ model: 'large', region: 'US' }], repeats: 1, region_policy: 'prefer' },
      ...{ order: 'pipeline', requested_order: 'auto' },
      parameters: { temperature: 0.1, max_tokens: 64, seed: SEED, question_order: 'given' },
      ...{ max_skew_s: 30, budget: { usd: 5, gpu_seconds: null } },
      history: [
        { type: 'run.paused', at: AT },
        { type: 'run.resumed', at: AT },
        { type: 'run.reopened', at: AT, reason: 'retry_failed', cells: 1 },
      ],
      ...{ total_cells: 6, created_at: AT, started_at: AT, finished_at: AT },
    },
    questions: ['q1', 'q2'].map((id) => ({
      question_id: id,
      text_sha256: hashOf(id),
      prompts: {
        US: { system_sha256: null, prompt_sha256: hashOf(`US ${id}`) },
        EU: { system_sha256: hashOf('be brief'), prompt_sha256: hashOf(`EU ${id}`) },
      },
    })),
    gates: [
      {
        ...{ gate_id: 'q1', after_question: 'q1', status: 'approved', expires_in_s: 60 },
        ...{ waiting_since: AT, expires_at: AT, decided_at: AT },
      },
    ],
    cells,
    counts: {
      ...{ cells: 6, answered: 4, substituted: 1, missing: 1 },
      ...{ failed: 1, cancelled: 0, submitted: 0, pending: 0 },
      by_region: {
        US: { cells: 2, answered: 2, substituted: 0, missing: 0 },
        EU: { cells: 4, answered: 2, substituted: 1, missing: 1 },
      },
      ...{ jobs: 7, attempts: 7, answers_not_taken: 0, stray_outcomes: 1 },
    },
    missing: cells
      .filter(({ status }) => status === 'failed')
      .map((cell) => ({ ...names(cell), status: 'failed', reason: 'MODEL_ERROR' })),
    substitutes: cells
      .filter(({ substituted }) => substituted)
      .map((cell) => ({ ...names(cell), answered_region: 'US' })),
    stray_outcomes: [
      {
        ...{ cell_no: 1, job_id: uuidOf(11), attempt: 1, endpoint_id: 'US-small', kind: 'succeeded' },
        ...{ error_code: null, execution_ms: 900, received_at: AT },
      },
    ],
  };
}

/** A retried cell had a job before, whose one attempt failed. */
function aCell(
  cellNo: number,
  questionId: string,
  pair: { model: string; region: string },
  kind: Kind,
): ReceiptCell {
  const isAnswered = kind !== 'failed';
  const region = kind === 'substituted' ? 'US' : pair.region;
  const seed = cellSeed(SEED, { questionId, model: pair.model, repeat: 1 });
  const hash = isAnswered ? hashOf(`answer ${cellNo}`) : null;
  const job = (cellAttempt: number, answered: boolean): ReceiptCell['jobs'][number] => ({
    job_id: uuidOf(cellNo * 10 + cellAttempt),
    cell_attempt: cellAttempt,
    state: answered ? 'completed' : 'failed',
    error_code: answered ? null : 'MODEL_ERROR',
    answer_sha256: answered ? hash : null,
    answered_region: answered ? region : null,
    seed,
    attempts: [
      {
        ...{ attempt: 1, endpoint_id: `${region}-${pair.model}`, region },
        ...{ status: answered ? 'succeeded' : 'failed', error_code: answered ? null : 'MODEL_ERROR' },
        ...{ started_at: AT, finished_at: AT, execution_ms: 1000 + cellNo },
        ...{ upstream_call_id: `fc-${cellNo}`, reattached: false },
      },
    ],
  });
  const jobs = kind === 'retried' ? [job(1, false), job(2, true)] : [job(1, isAnswered)];
  return {
    ...{ cell_no: cellNo, question_id: questionId, ...pair, repeat: 1 },
    ...{ status: isAnswered ? 'accepted' : 'failed', job_id: jobs.at(-1)?.job_id ?? null },
    ...{
      answer_sha256: hash,
      answered_region: isAnswered ? region : null,
      substituted: kind === 'substituted',
    },
    endpoint_id: isAnswered ? `${region}-${pair.model}` : null,
    ...{ inference_time: isAnswered ? 1.5 : null, tokens_in: null, tokens_generated: isAnswered ? 3 : null },
    ...{ model_revision: 'abc', gpu: 'T4', container_id: 'ta-1', cold_start: false },
    ...{
      error_code: isAnswered ? null : 'MODEL_ERROR',
      finished_at: AT,
      attempts_counted: jobs.length,
      seed,
      asked_at: isAnswered ? AT : null,
      jobs,
    },
  };
}

export interface ReceiptKeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function receiptKeyPair(): ReceiptKeyPair {
  return generateKeyPairSync('ed25519');
}

/** The file that `GET /runs/{id}/receipt` would make of a receipt, which may be any value. */
export function signedReceipt(receipt: unknown, { publicKey, privateKey }: ReceiptKeyPair): Buffer {
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return Buffer.from(
    canonicalJson({
      receipt,
      signature: {
        algorithm: 'Ed25519',
        public_key: spki.toString('base64'),
        key_id: createHash('sha256').update(spki).digest('hex').slice(0, 16),
        value: sign(null, Buffer.from(canonicalJson(receipt)), privateKey).toString('base64'),
      },
    }),
  );
}
