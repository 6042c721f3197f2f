import { runCancelSchema, runProgressEventSchema } from '#contracts';
import { isRunFinished } from '#domain';
import { FollowRefusedError, followRun, type ConnectionState } from '#router-client';
import { CommandError } from '../command-error.js';
import { EXIT_FAILED, EXIT_NOT_COMPLETED, EXIT_OK } from '../exit-codes.js';
import { runFace } from '../faces.js';
import { addressOf, askRouter, type RouterOptions } from '../router-api.js';
import { guardOutput, writeLines } from '../terminal/output.js';
import { Interruption } from '../terminal/interruption.js';
import { LiveBlock } from '../terminal/live-block.js';
import { terminalOf, type Terminal } from '../terminal/terminal.js';
import { ellipsize, printable } from '../terminal/text-table.js';
import { watchedRun, withProgress, type WatchedRun } from './run-state.js';
import { unpaidCells } from './unpaid-cells.js';
import { closingLines, doneOf, gateLines, runBlock, runLine, statusText } from './run-view.js';

/** In a pipe, a line for every so many points of a hundred. */
const LINE_EVERY_PERCENT = 5;
const REDRAW_EVERY_MS = 80;

/** The run as it stands. */
export async function fetchRun(options: RouterOptions, runId: string, signal?: AbortSignal) {
  return askRouter(
    options,
    (router) => router.GET('/runs/{id}', { params: { path: { id: runId } } }),
    runFace,
    signal === undefined ? {} : { signal },
  );
}

export interface WatchOptions extends RouterOptions {
  /** Ctrl-C cancels the run and waits for its end. */
  readonly cancelOnInterrupt?: boolean;
}

/**
 * Shows a run until it has ended, or until somebody has seen enough of it: the run goes on then.
 * @returns the exit code: 0 only where the run is completed
 */
export async function watchRun(options: WatchOptions, runId: string): Promise<number> {
  const interruption = new Interruption();
  const display = displayOf(options, terminalOf());
  try {
    const last = await follow(options, runId, display, interruption.signal);
    return await finish(options, last.run, last.document);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    display.keep();
    if (options.cancelOnInterrupt !== true) {
      process.stderr.write(
        `beacon: not watching any more; the run goes on\n  watch it: beacon runs watch ${runId}\n  end it:   beacon runs cancel ${runId}\n`,
      );
      return interruption.exitCode;
    }
    process.stderr.write(`beacon: cancelling the run (Ctrl-C again: do not wait)\n`);
    await cancelRun(options, runId);
    const last = await follow(options, runId, display, new AbortController().signal);
    return await finish(options, last.run, last.document);
  } finally {
    display.keep();
    interruption.end();
  }
}

export async function cancelRun(options: RouterOptions, runId: string) {
  return askRouter(
    options,
    (router) => router.POST('/runs/{id}/cancel', { params: { path: { id: runId } } }),
    runCancelSchema,
  );
}

async function follow(
  options: RouterOptions,
  runId: string,
  display: Display,
  signal: AbortSignal,
): Promise<{ run: WatchedRun; document: unknown }> {
  const begin = await fetchRun(options, runId, signal);
  let run = watchedRun(begin.answer);
  display.show(run);
  if (!isRunFinished(run.status)) {
    const events = followRun<unknown>(await addressOf(options), runId, {
      ...{ signal, parse: (event: unknown) => event },
      onConnection: (state) => display.connection(state),
    });
    try {
      for await (const { event } of events) {
        const progress = runProgressEventSchema.safeParse(event);
        if (progress.success) run = withProgress(run, progress.data);
        // Cells are in the counts; gates, pauses and ends are not.
        else if (isAboutRun(event)) run = watchedRun((await fetchRun(options, runId, signal)).answer);
        display.show(run);
        // An event of a run that was reopened since is not its end.
        if (isRunFinished(run.status)) break;
      }
    } catch (error) {
      if (!(error instanceof FollowRefusedError)) throw error;
      const { problem } = error;
      throw new CommandError(printable(error.message), EXIT_FAILED, {
        ...{ cause: error, ...(problem === undefined ? {} : { problem }) },
      });
    }
  }
  const end = await fetchRun(options, runId, signal);
  run = watchedRun(end.answer);
  display.show(run, true);
  return { run, document: end.document };
}

function isAboutRun(event: unknown): boolean {
  const { type } = (event ?? {}) as { readonly type?: unknown };
  return typeof type === 'string' && /^(gate|run)\./.test(type);
}

async function finish(options: RouterOptions, run: WatchedRun, document: unknown): Promise<number> {
  if (options.json === true) writeLines([JSON.stringify(document)]);
  else writeLines(closingLines(run, await unpaidCells(options, run)));
  return run.status === 'completed' ? EXIT_OK : EXIT_NOT_COMPLETED;
}

interface Display {
  show(run: WatchedRun, isLast?: boolean): void;
  connection(state: ConnectionState): void;
  keep(): void;
}

/** With `--json` stdout belongs to the document: nothing is drawn. */
function displayOf({ json }: RouterOptions, terminal: Terminal): Display {
  guardOutput();
  const silent = { show: () => undefined, connection: () => undefined, keep: () => undefined };
  if (json === true) return silent;
  return terminal.redraws ? redrawn(terminal) : linewise();
}

function redrawn(terminal: Terminal): Display {
  const block = new LiveBlock(terminal);
  let drawnAt = -Infinity;
  let shown: WatchedRun | undefined;
  let trouble: string[] = [];
  const draw = (): void => {
    if (shown === undefined) return;
    drawnAt = performance.now();
    const { width, height } = terminalOf();
    const lines = runBlock(shown, { ...terminal, width: width - 1, height: height - 1 });
    block.draw([...lines, ...trouble.map((line) => ellipsize(` ${line}`, width - 1))]);
  };
  return {
    show: (run, isLast = false) => {
      shown = run;
      if (isLast || performance.now() - drawnAt >= REDRAW_EVERY_MS) draw();
    },
    connection: (state) => {
      trouble = troubleOf(state);
      draw();
    },
    keep: () => block.keep(),
  };
}

function linewise(): Display {
  let saidPercent = -Infinity;
  let saidState = '';
  return {
    show: (run, isLast = false) => {
      const { total } = run.progress;
      const percent = total === 0 ? 100 : (100 * doneOf(run)) / total;
      const state = [statusText(run.status), ...gateLines(run)].join(' ').replace(/ {2,}/g, ' ');
      const isDue = percent - saidPercent >= LINE_EVERY_PERCENT || (isLast && percent > saidPercent);
      if (isDue) {
        saidPercent = percent;
        writeLines([runLine(run)]);
      }
      if (state !== saidState) writeLines([state]);
      saidState = state;
    },
    connection: (state) => writeLines(troubleOf(state)),
    keep: () => undefined,
  };
}

function troubleOf(state: ConnectionState): string[] {
  if (state.state !== 'waiting') return [];
  return [`connection lost (${printable(state.reason)}): trying again, the run goes on`];
}
