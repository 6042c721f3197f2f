import { describe, expect, it } from '@jest/globals';
import { readPromQl } from './promql.js';

describe('what an expression asks for', () => {
  it.each<[string, readonly [string, ...string[]][]]>([
    ['up', [['up']]],
    ['up{job="beacon",instance!~"a|{b}"} == 0', [['up', 'job', 'instance']]],
    ["rate(a_total[5m]) / b{x='by'} offset 1h30m", [['a_total'], ['b', 'x']]],
    ['sum by (region) (rate(a_total{code=~"X|Y"}[$__rate_interval])) > 1e3', [['a_total', 'code']]],
    ['sum(a) without (c)', [['a']]],
    ['histogram_quantile(0.99, sum by (le) (rate(a_bucket[10m:1m])))', [['a_bucket']]],
    ['a:b:c unless on (x) d{} # and e', [['a:b:c'], ['d']]],
    ['max(a) * on (x) group_left (y) b', [['a'], ['b']]],
    ['absent(up{job="x"}) or vector(1)', [['up', 'job']]],
    ['time() - a', [['a']]],
    ['a{region=~"$region"} * ${factor}', [['a', 'region']]],
  ])('%s', (expression, expected) => {
    expect(readPromQl(expression).selectors).toEqual(
      expected.map(([metric, ...labels]) => ({ metric, labels })),
    );
  });

  it('says what each aggregation puts together by which labels', () => {
    expect(readPromQl('sum by (a, b) (x{c="1"}) / on (a) max(y) by (d)').groupings).toEqual([
      { keyword: 'by', labels: ['a', 'b'], metrics: ['x'] },
      { keyword: 'on', labels: ['a'], metrics: ['x', 'y'] },
      { keyword: 'by', labels: ['d'], metrics: ['y'] },
    ]);
    expect(readPromQl('sum by (a) (max by (b) (x) + y)').groupings).toEqual([
      { keyword: 'by', labels: ['a'], metrics: ['x', 'y'] },
      { keyword: 'by', labels: ['b'], metrics: ['x'] },
    ]);
  });

  it.each(['a ; b', 'sum(a', '{job="x"}'])('refuses what it cannot read: %s', (expression) => {
    expect(() => readPromQl(expression)).toThrow();
  });
});
