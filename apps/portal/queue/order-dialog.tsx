import { useQueryClient } from '@tanstack/react-query';
import { useId, useState, type ReactNode } from 'react';
import type { AnswerOf } from '#router-client';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useSingleMutation } from '../client/use-single-mutation.js';
import { ConfirmDialog } from '../confirm/confirm-dialog.js';
import { orderText, orderedText, type Order, type Target } from './queue-view.js';

const TIMES: readonly (readonly [string, number | undefined])[] = [
  ['until it is resumed', undefined],
  ['for 15 minutes', 900],
  ['for an hour', 3600],
  ['for a day', 86_400],
];
const TITLES: Readonly<Record<Order, string>> = {
  pause: 'Pause',
  drain: 'Drain',
  resume: 'Resume',
  warm: 'Keep warm',
};
type Ordered = AnswerOf<'/endpoints/{id}/pause', 'post'>;

/** What was done, for whoever shows it. */
export interface Done {
  readonly text: string;
  /** null: nothing was changed. */
  readonly changeId: number | null;
}

/** Gives an order to an endpoint or a region, once it was confirmed. */
export function OrderDialog({
  order,
  target,
  onDone,
  onClose,
}: {
  readonly order: Order;
  readonly target: Target;
  readonly onDone: (done: Done) => void;
  readonly onClose: () => void;
}): ReactNode {
  const client = useClient();
  const queries = useQueryClient();
  const id = useId();
  const times = order === 'warm' ? TIMES.slice(1) : TIMES;
  const [time, setTime] = useState(0);
  const [release, setRelease] = useState(false);
  const give = useSingleMutation({
    mutationFn: (reason: string): Promise<Ordered> => {
      const forS = times[time]?.[1];
      const body = {
        ...(reason === '' ? {} : { reason }),
        ...(order === 'resume' || forS === undefined ? {} : { for_s: forS }),
      };
      return sent(client, order, target, body, release);
    },
    onSuccess: (ordered) => {
      onDone({ text: orderedText(order, ordered), changeId: ordered.change_id });
      onClose();
    },
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <ConfirmDialog
      title={`${TITLES[order]} ${target.kind === 'region' ? 'region ' : ''}${target.id}?`}
      action={TITLES[order]}
      reason="optional"
      isBusy={give.isPending}
      error={give.error}
      onConfirm={give.mutate}
      onClose={onClose}
    >
      <p>{orderText(order, target)}</p>
      {order !== 'resume' && (
        <div className="field">
          <label htmlFor={id}>How long</label>
          <select id={id} value={time} onChange={({ target: { value } }) => setTime(Number(value))}>
            {times.map(([text], index) => (
              <option key={text} value={index}>
                {text}
              </option>
            ))}
          </select>
        </div>
      )}
      {order === 'drain' && (
        <label>
          <input type="checkbox" checked={release} onChange={({ target: box }) => setRelease(box.checked)} />{' '}
          Give the idle container up once nothing is in flight
        </label>
      )}
    </ConfirmDialog>
  );
}

function sent(
  client: ReturnType<typeof useClient>,
  order: Order,
  { kind, id }: Target,
  body: { readonly reason?: string; readonly for_s?: number },
  release: boolean,
): Promise<Ordered> {
  const { reason, for_s: forS = 900 } = body;
  const words = reason === undefined ? {} : { reason };
  if (kind === 'endpoint') {
    const params = { path: { id } };
    switch (order) {
      case 'pause':
        return answered(client.POST('/endpoints/{id}/pause', { params, body }));
      case 'drain':
        return answered(client.POST('/endpoints/{id}/drain', { params, body: { ...body, release } }));
      case 'resume':
        return answered(client.POST('/endpoints/{id}/resume', { params, body: words }));
      case 'warm':
        return answered(client.POST('/endpoints/{id}/warm', { params, body: { ...words, for_s: forS } }));
    }
  }
  const params = { path: { region: id } };
  switch (order) {
    case 'pause':
      return answered(client.POST('/regions/{region}/pause', { params, body }));
    case 'drain':
      return answered(client.POST('/regions/{region}/drain', { params, body: { ...body, release } }));
    case 'resume':
      return answered(client.POST('/regions/{region}/resume', { params, body: words }));
    case 'warm':
      return answered(client.POST('/regions/{region}/warm', { params, body: { ...words, for_s: forS } }));
  }
}
