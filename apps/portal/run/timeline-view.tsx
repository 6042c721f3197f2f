import { useQuery } from '@tanstack/react-query';
import { useId, type ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { formatCount, formatDuration } from '../figures/format.js';
import { Nothing } from '../figures/nothing.js';
import { Duration } from '../figures/time.js';
import type { Run } from './run-facts.js';
import {
  gpusOverTime,
  nameOf,
  secondsIn,
  spanOf,
  ticksOf,
  type Lane,
  type Timeline,
} from './timeline-shapes.js';

const REFRESH_MS = 3000;
/** Of drawings; they are stretched to the width that there is. */
const WIDTH = 1000;
const LANE_HEIGHT = 22;
const GPU_HEIGHT = 60;
const TICKS = 5;

/** What the run's containers did, before what they were planned to do. */
export function TimelineView({ run }: { readonly run: Run }): ReactNode {
  const client = useClient();
  const { data, error } = useQuery({
    queryKey: ['run', run.run_id, 'timeline'],
    queryFn: async ({ signal }): Promise<Timeline> =>
      answered(client.GET('/runs/{id}/timeline', { params: { path: { id: run.run_id } }, signal })),
    refetchInterval: run.finished_at === null ? REFRESH_MS : false,
  });
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      {error !== null && <ErrorNotice error={error} what="The timeline could not be read" />}
      {data !== undefined && data.lanes.length === 0 && (
        <EmptyState title="Nothing was called yet">
          <p>Calls appear here as they begin.</p>
        </EmptyState>
      )}
      {data !== undefined && data.lanes.length > 0 && <Picture timeline={data} />}
    </section>
  );
}

function Picture({ timeline }: { readonly timeline: Timeline }): ReactNode {
  const spanS = spanOf(timeline);
  const hatch = useId();
  const { lanes } = timeline;
  const scale = WIDTH / spanS;
  return (
    <>
      <ul className="legend plain" aria-hidden="true">
        <Key name="warming" hatch={hatch}>
          cold start
        </Key>
        <Key name="busy" hatch={hatch}>
          calls
        </Key>
        <Key name="running" hatch={hatch}>
          call under way
        </Key>
        <Key name="idle" hatch={hatch}>
          idle
        </Key>
        <Key name="planned" hatch={hatch}>
          as planned
        </Key>
      </ul>
      <div className="panel timeline" aria-hidden="true">
        {lanes.map((lane, index) => (
          <div key={index} className="lane">
            <span className="lane-name">{nameOf(lane)}</span>
            <svg viewBox={`0 0 ${WIDTH} ${LANE_HEIGHT}`} preserveAspectRatio="none" height={LANE_HEIGHT}>
              {lane.planned.map(({ state, from_s: from, to_s: to }, number) => (
                <rect
                  key={`p${number}`}
                  className={`planned planned-${state}`}
                  x={from * scale}
                  y={1}
                  width={Math.max(1, (to - from) * scale)}
                  height={LANE_HEIGHT - 2}
                />
              ))}
              {lane.intervals.map(({ state, from_s: from, to_s: to, calls }, number) => (
                <rect
                  key={number}
                  className={`done done-${state}`}
                  {...(state === 'warming' ? { fill: `url(#${hatch})` } : {})}
                  x={from * scale}
                  y={state === 'idle' ? 9 : 5}
                  width={Math.max(1, (to - from) * scale)}
                  height={state === 'idle' ? 4 : LANE_HEIGHT - 10}
                >
                  <title>{`${state}, ${formatDuration(to - from)}${calls > 0 ? `, ${calls} calls` : ''}`}</title>
                </rect>
              ))}
            </svg>
          </div>
        ))}
        <Gpus timeline={timeline} scale={scale} />
        <div className="lane axis">
          <span className="lane-name" />
          <span className="axis-ticks">
            {ticksOf(spanS, TICKS).map((atS) => (
              <span key={atS} style={{ left: `${(100 * atS) / spanS}%` }}>
                {atS === 0 ? '0' : formatDuration(atS)}
              </span>
            ))}
          </span>
        </div>
        <svg width="0" height="0" className="defs">
          <defs>
            <pattern
              id={hatch}
              width="6"
              height="6"
              patternUnits="userSpaceOnUse"
              patternTransform="rotate(45)"
            >
              <rect width="6" height="6" className="hatch-ground" />
              <rect width="3" height="6" className="hatch-line" />
            </pattern>
          </defs>
        </svg>
      </div>
      {timeline.truncated && (
        <p className="quiet-text">Some of the run is left out: it has very many parts.</p>
      )}
      <TimelineTable timeline={timeline} />
    </>
  );
}

function Key({
  name,
  hatch,
  children,
}: {
  readonly name: string;
  readonly hatch: string;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <li>
      <svg width="22" height="12">
        <rect
          x="1"
          y={name === 'idle' ? 4 : 1}
          width="20"
          height={name === 'idle' ? 4 : 10}
          className={name === 'planned' ? 'planned planned-busy' : `done done-${name}`}
          {...(name === 'warming' ? { fill: `url(#${hatch})` } : {})}
        />
      </svg>
      {children}
    </li>
  );
}

/** Steps of the GPUs held, below the line that they must not pass. */
function Gpus({ timeline, scale }: { readonly timeline: Timeline; readonly scale: number }): ReactNode {
  const { lanes, gpu_limit: limit } = timeline;
  const done = gpusOverTime(lanes.map(({ intervals }) => ({ spans: intervals })));
  const planned = gpusOverTime(lanes.map(({ planned: spans }) => ({ spans })));
  const top = Math.max(limit, ...done.map(({ gpus }) => gpus), ...planned.map(({ gpus }) => gpus));
  const yOf = (gpus: number): number => GPU_HEIGHT - 3 - (gpus / Math.max(1, top)) * (GPU_HEIGHT - 8);
  const path = (levels: typeof done): string =>
    levels
      .map(({ fromS, gpus }, index) => {
        const x = (fromS * scale).toFixed(1);
        return index === 0 ? `M${x},${yOf(0)}V${yOf(gpus)}` : `H${x}V${yOf(gpus)}`;
      })
      .join('');
  return (
    <div className="lane gpus">
      <span className="lane-name">
        GPUs, at most {limit}
        <br />
        <span className="quiet-text">peak {Math.max(0, ...done.map(({ gpus }) => gpus))}</span>
      </span>
      <svg viewBox={`0 0 ${WIDTH} ${GPU_HEIGHT}`} preserveAspectRatio="none" height={GPU_HEIGHT}>
        <path className="gpus-planned" d={path(planned)} />
        <path className="gpus-done" d={path(done)} />
        <line className="gpus-limit" x1="0" x2={WIDTH} y1={yOf(limit)} y2={yOf(limit)} />
      </svg>
    </div>
  );
}

const COLUMNS: readonly Column<Lane>[] = [
  { id: 'lane', header: 'Container', rowHeader: true, cell: nameOf },
  {
    id: 'serves',
    header: 'Serves',
    wraps: true,
    cell: ({ models, regions }) => `${models.join(', ')} in ${regions.join(', ')}`,
  },
  { id: 'calls', header: 'Calls', numeric: true, cell: ({ calls }) => formatCount(calls) },
  { id: 'failed', header: 'Failed', numeric: true, cell: ({ failed_calls: failed }) => formatCount(failed) },
  {
    id: 'cold',
    header: 'Cold start',
    numeric: true,
    cell: (lane) => <Duration seconds={secondsIn(lane, 'warming')} />,
  },
  {
    id: 'busy',
    header: 'Calls took',
    numeric: true,
    cell: (lane) => <Duration seconds={secondsIn(lane, 'busy')} />,
  },
  {
    id: 'idle',
    header: 'Idle',
    numeric: true,
    cell: (lane) => <Duration seconds={secondsIn(lane, 'idle')} />,
  },
  { id: 'end', header: 'Last call ended', numeric: true, cell: (lane) => <End of={lane.intervals} /> },
  { id: 'planned', header: 'As planned', numeric: true, cell: (lane) => <End of={lane.planned} /> },
];

/** The end of the last thing that is not idle time, in seconds of the run. */
function End({
  of,
}: {
  readonly of: readonly { readonly state: string; readonly to_s: number }[];
}): ReactNode {
  const last = of.findLast(({ state }) => state !== 'idle');
  return last === undefined ? <Nothing /> : <Duration seconds={last.to_s} />;
}

/** The same in figures: the picture is for eyes only. */
function TimelineTable({ timeline }: { readonly timeline: Timeline }): ReactNode {
  const peak = Math.max(
    0,
    ...gpusOverTime(timeline.lanes.map(({ intervals }) => ({ spans: intervals }))).map(({ gpus }) => gpus),
  );
  return (
    <>
      <h3>In figures</h3>
      <p>
        At most {peak} of {timeline.gpu_limit} GPUs were held at once.
        {timeline.planned_makespan_s !== null &&
          ` The plan was to be done after ${formatDuration(timeline.planned_makespan_s)}.`}
      </p>
      <DataTable
        caption="What each container did"
        columns={COLUMNS}
        rows={timeline.lanes}
        rowKey={(_, index) => index}
      />
    </>
  );
}
