import { FollowRefusedError, followRun } from '#router-client';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { useRouter } from '../client/client-context.js';
import { RouterProblem, answered } from '../client/router-problem.js';
import { connection } from '../connection/connection.js';
import { RunFeed } from './run-feed.js';

const PAUSE_MS = 2000;

/** @param finishedAt when the run ended: one that goes on again is followed again, however soon it ends again */
export function useRunFeed(runId: string, finishedAt: string | null): RunFeed {
  const { client, baseUrl, key } = useRouter();
  const queries = useQueryClient();
  const feed = useMemo(() => {
    const told = connection.stream();
    return new RunFeed({
      readCells: (cursor, signal) =>
        answered(
          client.GET('/runs/{id}/cells', { params: { path: { id: runId }, query: { cursor } }, signal }),
        ),
      follow: (lastEventId, signal, onConnection) =>
        followRun({ baseUrl, key }, runId, { lastEventId, signal, onConnection }),
      onNews: () => void queries.invalidateQueries({ queryKey: ['run', runId] }),
      isFinal: (error) =>
        error instanceof FollowRefusedError || (error instanceof RouterProblem && error.problem.status < 500),
      onConnection: ({ state }) => {
        if (state === 'open') told('open');
        else if (state === 'waiting') told('lost');
        else if (state === 'ended') told(undefined);
      },
      nextFrame: (draw) => void requestAnimationFrame(draw),
      pause: (signal) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, PAUSE_MS);
          signal.addEventListener('abort', () => {
            clearTimeout(timer);
            resolve();
          });
        }),
    });
  }, [client, baseUrl, key, queries, runId]);
  useEffect(() => {
    feed.start();
    return () => feed.leave();
  }, [feed, finishedAt]);
  useSyncExternalStore(feed.subscribe, feed.read);
  return feed;
}
