import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { findPromtool, readPromQl } from '#testing';
import { parse as parseYaml } from 'yaml';
import { METRICS, Metrics } from './metrics.js';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}
interface Recording {
  readonly record: string;
  readonly expr: string;
}
interface UnitTest {
  readonly name: string;
  readonly input_series: readonly { readonly series: string }[];
  readonly promql_expr_test: readonly {
    readonly expr: string;
    readonly exp_samples: readonly { readonly labels: string; readonly value: number }[];
  }[];
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly {
      readonly name: string;
      readonly type: string;
      readonly query: string | { readonly query: string };
    }[];
  };
}

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const PROMETHEUS = 'deploy/prometheus';
const alertFiles = readdirSync(new URL(`${PROMETHEUS}/alerts`, root)).map(
  (file) => `${PROMETHEUS}/alerts/${file}`,
);
const testFiles = readdirSync(new URL(`${PROMETHEUS}/tests`, root)).map(
  (file) => `${PROMETHEUS}/tests/${file}`,
);
const rulesOf = <Rule>(path: string): Rule[] =>
  (parseYaml(read(path)) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);
const recordings = rulesOf<Recording>(`${PROMETHEUS}/recording.yaml`);
const alerts = alertFiles.flatMap((path) => rulesOf<Alert>(path));
const unitTests = testFiles.flatMap((path) => (parseYaml(read(path)) as { tests: UnitTest[] }).tests);
const dashboard = JSON.parse(read('deploy/grafana/beacon.json')) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
);

/** What Prometheus adds to every series of Beacon: `service` is Beacon's own. */
const OF_ALL = ['service', 'instance', 'job'];
/** What there is to be asked for: by the name of a series, its labels. */
const known = new Map<string, ReadonlySet<string>>([['up', new Set(['instance', 'job'])]]);

/** @returns what is wrong with an expression: a metric or a label that there is not */
function faultsOf(expression: string): string[] {
  const { selectors, groupings } = readPromQl(expression);
  const faults: string[] = [];
  for (const { metric, labels } of selectors) {
    const has = known.get(metric);
    if (has === undefined) faults.push(`no metric ${metric}`);
    else faults.push(...labels.flatMap((label) => (has.has(label) ? [] : [`${metric} has no ${label}`])));
  }
  for (const { labels, metrics } of groupings) {
    const has = new Set(metrics.flatMap((metric) => [...(known.get(metric) ?? [])]));
    faults.push(...labels.flatMap((label) => (has.has(label) ? [] : [`nothing below has ${label}`])));
  }
  return faults;
}

/** The labels that are left after an expression: those that it groups by, or those of what it reads. */
function labelsAfter(expression: string): Set<string> {
  const { selectors, groupings } = readPromQl(expression);
  const by = groupings.filter(({ keyword }) => keyword === 'by').flatMap(({ labels }) => labels);
  const recorded = selectors.flatMap(({ metric }) =>
    metric.includes(':') ? [...(known.get(metric) ?? [])] : [],
  );
  return new Set([...by.filter((label) => label !== 'le'), ...recorded]);
}

beforeAll(async () => {
  for (const [name, { kind, labels }] of Object.entries(METRICS)) {
    const all = [...labels, ...OF_ALL];
    if (kind !== 'histogram') known.set(name, new Set(all));
    else for (const part of ['bucket', 'sum', 'count']) known.set(`${name}_${part}`, new Set([...all, 'le']));
  }
  // Those that come with the runtime are what a process really shows.
  const { body } = await new Metrics('router').expose();
  for (const [, name = '', labels = ''] of body.matchAll(/^((?:process|nodejs)_\w+)(?:\{([^}]*)\})? /gm))
    known.set(name, new Set([...[...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label), ...OF_ALL]));
  for (const { record, expr } of recordings) known.set(record, labelsAfter(expr));
});

describe('what is asked of Prometheus', () => {
  it.each([
    ['a metric that there is not', 'rate(beacon_job_total[5m])', 'no metric beacon_job_total'],
    ['a label that its metric lacks', 'beacon_jobs_total{model="m"}', 'beacon_jobs_total has no model'],
    ['a grouping by one', 'sum by (model) (beacon_jobs_total)', 'nothing below has model'],
    ['a histogram without its part', 'beacon_settle_seconds', 'no metric beacon_settle_seconds'],
    ['a recorded figure that is not', 'region:beacon_nothing:sum', 'no metric region:beacon_nothing:sum'],
    ['a label that a recorded figure lost', 'region:beacon_retries:rate10m{kind="retry"}', 'has no kind'],
    ['matching by one', 'beacon_jobs_total / on (endpoint) beacon_jobs_total', 'nothing below has endpoint'],
    ['a metric of the runtime that is left out', 'process_start_time_seconds', 'no metric process_start'],
  ])('%s is found', (_what, expression, fault) => {
    expect(faultsOf(expression)).toEqual([expect.stringContaining(fault)]);
  });

  it('is there, and has the labels: recorded figures', () => {
    expect(recordings.length).toBeGreaterThan(5);
    expect(recordings.flatMap(({ expr }) => faultsOf(expr))).toEqual([]);
  });

  it.each(alerts.map((rule) => [rule.alert, rule] as const))('is there: %s', (_name, { expr }) => {
    expect(faultsOf(expr)).toEqual([]);
    // The rate of what may fall means nothing.
    for (const [, name = ''] of expr.matchAll(/\b(?:rate|increase)\(\s*(beacon_\w+)/g))
      expect((METRICS as Readonly<Record<string, { kind: string }>>)[name]?.kind).not.toBe('gauge');
  });

  it.each(queries.map((query) => [`${query.title}: ${query.legendFormat}`, query] as const))(
    'is there: panel %s',
    (_name, { expr, legendFormat }) => {
      expect(faultsOf(expr)).toEqual([]);
      const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
      expect(named.filter((label) => !labelsAfter(expr).has(label))).toEqual([]);
    },
  );

  it('is there: what the dashboard lets one choose from', () => {
    const chosen = dashboard.templating.list.filter(({ type }) => type === 'query');
    expect(chosen.map(({ name }) => name)).toEqual(['region']);
    for (const { query } of chosen) {
      const text = typeof query === 'string' ? query : query.query;
      const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(text) ?? [];
      expect(faultsOf(`${metric}{${label}=""}`)).toEqual([]);
    }
  });
});

describe('alert rules', () => {
  const handbook = read('docs/operations/monitoring.md');
  /** As GitHub makes them of headings of one word. */
  const anchors = new Set([...handbook.matchAll(/^#+ (\w+)$/gm)].map(([, name = '']) => name.toLowerCase()));

  it('are found, each under a name of its own', () => {
    expect(alerts.length).toBeGreaterThan(30);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  it.each(alerts.map((rule) => [rule.alert, rule] as const))(
    '%s says how bad it is, what to do, and where more is written',
    (name, { for: wait, labels, annotations }) => {
      expect(wait).toMatch(/^\d+[mh]$/);
      expect(['page', 'ticket']).toContain(labels.severity);
      expect(annotations.summary.length).toBeGreaterThan(10);
      expect(annotations.description.length).toBeGreaterThan(20);
      expect(annotations.runbook).toBe(`docs/operations/monitoring.md#${name.toLowerCase()}`);
      expect(anchors).toContain(name.toLowerCase());
    },
  );

  it('and the handbook name the same alerts', () => {
    const described = [...handbook.matchAll(/^### (Beacon\w+)$/gm)].map(([, name]) => name);
    expect(described.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it.each(alerts.map((rule) => [rule.alert, rule] as const))(
    '%s has a test in which it fires, with the labels that its words name, and one in which it does not',
    (name, { annotations, labels }) => {
      const expression = `ALERTS{alertname="${name}",alertstate="firing"}`;
      const tests = unitTests.flatMap(({ promql_expr_test: checks }) =>
        checks.filter(({ expr }) => expr === expression),
      );
      const [fired = []] = tests
        .map(({ exp_samples: samples }) => samples)
        .filter(({ length }) => length > 0);
      expect(fired).toHaveLength(1);
      const series = fired[0]?.labels ?? '';
      expect(series).toContain(`severity="${labels.severity}"`);
      const named = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      expect(named.filter((label) => !series.includes(`${label}="`))).toEqual([]);
      expect(tests.some(({ exp_samples: samples }) => samples.length === 0)).toBe(true);
    },
  );

  it('are tested with series that there are', () => {
    const faults = unitTests.flatMap(({ input_series: input }) =>
      input
        .map(({ series }) => series)
        .flatMap((series) => (series.startsWith('up{') ? [] : faultsOf(series))),
    );
    expect(faults).toEqual([]);
  });
});

describe('promtool', () => {
  let promtool: (...parameters: readonly string[]) => Promise<string>;

  beforeAll(async () => {
    const { path } = await findPromtool({
      environment: process.env,
      cacheDir: fileURLToPath(new URL('.beacon/tools', root)),
    });
    promtool = async (...parameters) => {
      const { stdout, stderr } = await promisify(execFile)(path, parameters, { cwd: fileURLToPath(root) });
      return stdout + stderr;
    };
  }, 900_000);

  it('takes every rule', async () => {
    const said = await promtool(
      'check',
      'rules',
      '--lint=all',
      `${PROMETHEUS}/recording.yaml`,
      ...alertFiles,
    );
    expect(said.match(/SUCCESS: (\d+) rules? found/g)).toHaveLength(alertFiles.length + 1);
  });

  it('takes the example of a configuration', async () => {
    const said = await promtool('check', 'config', '--syntax-only', `${PROMETHEUS}/prometheus.yml`);
    expect(said).toContain('SUCCESS');
    const { scrape_configs: jobs } = parseYaml(read(`${PROMETHEUS}/prometheus.yml`)) as {
      scrape_configs: { job_name: string }[];
    };
    // Alerts ask whether this job is up.
    expect(jobs.map(({ job_name: name }) => name)).toEqual(['beacon']);
  });

  it('sees every alert fire, and not fire, as its tests say', async () => {
    const said = await promtool('test', 'rules', ...testFiles);
    expect(said.match(/SUCCESS/g)).toHaveLength(testFiles.length);
  });
});

describe('the dashboard', () => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');

  it('says on every panel what it shows, and asks the data source that was chosen', () => {
    expect(panels.length).toBeGreaterThan(30);
    expect(
      panels.filter(({ description = '' }) => description.length < 10).map(({ title }) => title),
    ).toEqual([]);
    const sources = panels.flatMap(({ datasource, targets = [] }) => [
      datasource?.uid,
      ...targets.map((target) => target.datasource.uid),
    ]);
    expect(new Set(sources)).toEqual(new Set(['${datasource}']));
    expect(
      dashboard.templating.list.some(({ name, type }) => name === 'datasource' && type === 'datasource'),
    ).toBe(true);
  });

  it('has each panel in a place of its own', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.get(`${x}:${y}`) ?? title).toBe(title);
          taken.set(`${x}:${y}`, title);
        }
    }
  });

  it('shows every metric, or an alert or a recorded figure does', () => {
    const asked = [...queries, ...alerts, ...recordings].flatMap(({ expr }) =>
      readPromQl(expr).selectors.map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, '')),
    );
    const unseen = Object.keys(METRICS).filter((name) => !asked.includes(name));
    // Of use to those who look for something, not to those who watch.
    expect(unseen).toEqual(UNWATCHED);
  });
});

const UNWATCHED = [
  'beacon_key_changes_total',
  'beacon_callbacks_total',
  'beacon_dead_letters_redriven_total',
  'beacon_dead_letters_discarded_total',
  'beacon_contents_erased_total',
  'beacon_intake_batch_jobs',
  'beacon_webhook_redeliveries_total',
];
