import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useClient } from '../client/client-context.js';
import { RouterProblem, answered } from '../client/router-problem.js';
import { placedFaults, type DraftBody, type Fault } from './draft-body.js';
import type { RunBody } from './draft.js';
import { quoteOf, type Quote } from './quote.js';
import { useDebounced } from './use-debounced.js';

/** Typing is over after this long. */
const SETTLED_MS = 350;
/** Endpoints get warm and cold meanwhile. */
const AGE_MAX_MS = 60_000;

export interface QuoteState {
  /** The latest; of an earlier draft where `isCurrent` is false. */
  readonly quote: Quote | undefined;
  /** It is about what would be sent now. */
  readonly isCurrent: boolean;
  readonly isAsking: boolean;
  /** Unix ms. */
  readonly quotedAt: number;
  /** Of the latest body that was refused, where it stands in the draft. */
  readonly faults: readonly Fault[];
  /** What kept it from being quoted, as far as no field is at fault. */
  readonly error: unknown;
  readonly askAgain: () => void;
}

interface Last {
  /** What was asked. */
  readonly of: string | undefined;
  /** Unix ms. */
  readonly dataAt: number;
  readonly errorAt: number;
  readonly error: unknown;
  readonly quote: Quote | undefined;
}
const NOTHING: Last = { of: undefined, dataAt: 0, errorAt: 0, error: undefined, quote: undefined };

/** Asks the router what a draft would take, once typing has stopped; nothing runs. */
export function useQuote(sent: DraftBody): QuoteState {
  const client = useClient();
  const text = JSON.stringify(sent.body);
  const isReady = sent.faults.length === 0;
  const asked = useDebounced(isReady ? text : undefined, SETTLED_MS);
  const plan = useQuery({
    queryKey: ['plan', asked],
    enabled: asked !== undefined,
    queryFn: ({ signal }) => {
      // The key says what is asked: the draft may be another by now.
      const body = JSON.parse(asked ?? '{}') as RunBody;
      return answered(client.POST('/runs/plan', { body, signal }));
    },
    select: quoteOf,
    staleTime: AGE_MAX_MS,
    refetchInterval: ({ state }) => (state.error === null ? AGE_MAX_MS : false),
    gcTime: AGE_MAX_MS,
  });
  // What was said last stays in sight while the next answer is awaited: it would flicker with each letter otherwise.
  const [last, setLast] = useState<Last>(NOTHING);
  if (
    !plan.isFetching &&
    asked !== undefined &&
    (last.of !== asked || last.dataAt + last.errorAt !== plan.dataUpdatedAt + plan.errorUpdatedAt)
  ) {
    setLast({
      of: asked,
      dataAt: plan.dataUpdatedAt,
      errorAt: plan.errorUpdatedAt,
      error: plan.error ?? undefined,
      quote: plan.error === null ? plan.data : (last.quote ?? plan.data),
    });
  }
  const { error } = last;
  const fields = isReady && error instanceof RouterProblem ? error.problem.errors : [];
  const isCurrent = isReady && asked === text && plan.isSuccess;
  return {
    quote: isCurrent ? plan.data : last.quote,
    isCurrent,
    isAsking: isReady && (asked !== text || plan.isFetching),
    quotedAt: plan.dataUpdatedAt,
    faults: fields.length === 0 ? sent.faults : placedFaults(fields, sent),
    error: fields.length === 0 && isReady ? error : undefined,
    askAgain: () => void plan.refetch(),
  };
}
