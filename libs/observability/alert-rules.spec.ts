import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { METRICS } from './metrics.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const folder = new URL('../../deploy/prometheus/alerts/', import.meta.url);
const rules = readdirSync(folder).flatMap((file) => {
  const { groups } = parseYaml(readFileSync(new URL(file, folder), 'utf8')) as {
    groups: { name: string; rules: Rule[] }[];
  };
  return groups.flatMap(({ rules: ofGroup }) => ofGroup);
});
const catalogue = METRICS as Readonly<Record<string, { kind: string; labels: readonly string[] }>>;
/** What a histogram is asked by. */
const nameOf = (word: string): string =>
  word in catalogue ? word : word.replace(/_(bucket|count|sum)$/, '');
const metricsOf = (text: string): string[] => [
  ...new Set([...text.matchAll(/\bbeacon_\w+/g)].map(([word]) => nameOf(word))),
];
const wordsIn = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].flatMap(([, list]) => list!.split(',').map((word) => word.trim()));

describe('alert rules', () => {
  it('are found, each under a name of its own', () => {
    expect(rules.length).toBeGreaterThan(4);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s asks for metrics that there are',
    (_name, rule) => {
      const used = metricsOf(rule.expr);
      expect(used.length).toBeGreaterThan(0);
      expect(used.filter((name) => !(name in catalogue))).toEqual([]);
      const labels = new Set(used.flatMap((name) => catalogue[name]!.labels));
      const named = [
        ...wordsIn(rule.expr, /\bby \(([^)]*)\)/g),
        ...[...rule.expr.matchAll(/(\w+)\s*=~?\s*"/g)].map(([, label]) => label!),
        ...[...JSON.stringify(rule.annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!),
      ];
      expect(named.filter((label) => !labels.has(label))).toEqual([]);
      // The rate of what may fall means nothing.
      for (const [, name] of rule.expr.matchAll(/\b(?:rate|increase)\((beacon_\w+)/g))
        expect(catalogue[nameOf(name!)]!.kind).not.toBe('gauge');
      expect(rule.for).toMatch(/^\d+[mh]$/);
      expect(['page', 'ticket']).toContain(rule.labels.severity);
      expect(rule.annotations.summary.length * rule.annotations.description.length).toBeGreaterThan(0);
      expect(rule.expr.split('(').length).toBe(rule.expr.split(')').length);
    },
  );
});
