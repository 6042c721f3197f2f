import './gates.css';
import { useQuery } from '@tanstack/react-query';
import type { AnswerOf } from '#router-client';
import { useState, type ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useAsked } from '../dialogs/use-asked.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { OvertakenNotice } from '../notices/overtaken-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { Time } from '../figures/time.js';
import { GateButtons, GateDialog, type AskedDecision } from './gate-decision.js';
import { TimeLeft } from './time-left.js';

export type Gate = AnswerOf<'/runs/{id}', 'get'>['gates'][number];

/** The gates of a run, and those that wait for somebody's word. */
export function GatePanel({
  runId,
  gates,
}: {
  readonly runId: string;
  readonly gates: readonly Gate[];
}): ReactNode {
  const [overtaken, setOvertaken] = useState<string>();
  const { asked, ask, close } = useAsked<AskedDecision>();
  if (gates.length === 0) return null;
  return (
    <section aria-labelledby="gates" className="panel gates">
      <h2 id="gates">Gates</h2>
      <OvertakenNotice text={overtaken} />
      <ul className="plain">
        {gates.map((gate) => (
          <li key={gate.gate_id} className="gate">
            <div className="gate-line">
              <span>
                After <code>{gate.after_question}</code>
              </span>
              <StatusBadge status={gate.status} />
              <GateTime gate={gate} />
              {gate.status === 'waiting' && (
                <GateButtons
                  gateId={gate.gate_id}
                  onAsk={(decision) =>
                    ask({ runId, gateId: gate.gate_id, afterQuestion: gate.after_question, decision })
                  }
                />
              )}
            </div>
            {gate.status === 'waiting' && <AnswersSoFar runId={runId} question={gate.after_question} />}
          </li>
        ))}
      </ul>
      {asked !== undefined && <GateDialog asked={asked} onOvertaken={setOvertaken} onClose={close} />}
    </section>
  );
}

function GateTime({ gate }: { readonly gate: Gate }): ReactNode {
  if (gate.decided_at !== null)
    return (
      <span className="quiet-text">
        at <Time at={gate.decided_at} />
      </span>
    );
  if (gate.expires_at === null || gate.status !== 'waiting') return null;
  return (
    <span className="quiet-text">
      <TimeLeft until={gate.expires_at} />, until <Time at={gate.expires_at} />
    </span>
  );
}

/** What there is to decide by: the answers to the question before the gate. All others are a click away. */
function AnswersSoFar({ runId, question }: { readonly runId: string; readonly question: string }): ReactNode {
  const [isOpen, setOpen] = useState(false);
  const client = useClient();
  const comparison = useQuery({
    queryKey: ['gate-answers', runId, question],
    enabled: isOpen,
    queryFn: ({ signal }) =>
      answered(
        client.GET('/runs/{id}/comparison', { params: { path: { id: runId }, query: { question } }, signal }),
      ),
  });
  return (
    <details open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        Answers to <code>{question}</code>
      </summary>
      {comparison.isPending && <p role="status">Reading the answers…</p>}
      {comparison.isError && (
        <ErrorNotice
          error={comparison.error}
          what="The answers could not be read"
          onRetry={() => void comparison.refetch()}
        />
      )}
      {comparison.data !== undefined && (
        <>
          <p className="gate-question">{comparison.data.question}</p>
          <dl className="gate-answers">
            {comparison.data.answers.map(({ model, region, status, response, erased }) => (
              <div key={`${model} ${region}`}>
                <dt>
                  {model} in {region}
                </dt>
                <dd tabIndex={0}>{response ?? (erased ? 'erased' : <StatusBadge status={status} />)}</dd>
              </div>
            ))}
          </dl>
          {comparison.data.next_cursor !== null && (
            <p className="field-hint">There are more than fit here.</p>
          )}
        </>
      )}
    </details>
  );
}
