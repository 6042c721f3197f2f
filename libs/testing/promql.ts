/** One place where an expression reads series. */
export interface Selector {
  /** As written: with `_bucket`, `_sum` or `_count` of a histogram. */
  readonly metric: string;
  /** Labels that it matches by. */
  readonly labels: readonly string[];
}

/** Labels by which series are put together or matched, and what is read below. */
export interface Grouping {
  readonly keyword: string;
  readonly labels: readonly string[];
  /** Of an aggregation: what it aggregates. Of a binary operation: everything that the expression reads. */
  readonly metrics: readonly string[];
}

export interface PromQl {
  readonly selectors: readonly Selector[];
  readonly groupings: readonly Grouping[];
}

interface Token {
  readonly kind: 'name' | 'string' | 'number' | 'variable' | 'symbol';
  readonly text: string;
}

const TOKENS: readonly (readonly [Token['kind'] | 'skip', RegExp])[] = [
  ['skip', /^(?:\s+|#.*)/],
  ['string', /^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)/],
  // Of Grafana.
  ['variable', /^\$(?:\w+|\{[^}]+\})/],
  [
    'number',
    /^(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:ms|[smhdwy])?(?:\d+(?:ms|[smhdwy]))*|\.\d+)/,
  ],
  ['name', /^[a-zA-Z_:][a-zA-Z0-9_:]*/],
  ['symbol', /^(?:=~|!~|!=|==|>=|<=|[-+*/%^=<>(){}[\],@:])/],
];

const WORDS = new Set(['and', 'or', 'unless', 'atan2', 'bool', 'offset', 'inf', 'nan', 'start', 'end']);
const AGGREGATION_LABELS = new Set(['by', 'without']);
const MATCHING_LABELS = new Set(['on', 'ignoring', 'group_left', 'group_right']);

/**
 * Reads what an expression asks for: enough of PromQL to say which metrics and labels it needs, and no more. Whether it is
 * well-formed is for promtool to say.
 * @throws naming what is no token of PromQL
 */
export function readPromQl(expression: string): PromQl {
  const tokens = tokensOf(expression);
  const selectors: Selector[] = [];
  /** Position of each selector's name. */
  const positions: number[] = [];
  const pending: { keyword: string; labels: string[]; from: number; to: number }[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const { kind, text } = token(tokens, at);
    // What a range says is no name, also where it holds a resolution: [10m:1m].
    if (text === '[') at = closing(tokens, at);
    if (text === '(') closing(tokens, at);
    if (text === '{') {
      const close = closing(tokens, at);
      const named = tokens.slice(at + 1, close).filter((each) => each.kind === 'name');
      const labels = named.map((each) => each.text);
      const last = positions.at(-1) === at - 1 ? selectors.pop() : undefined;
      if (last === undefined) throw new Error(`a selector without a metric: ${expression}`);
      selectors.push({ ...last, labels });
      at = close;
      continue;
    }
    if (kind !== 'name') continue;
    const next = token(tokens, at + 1).text;
    if (AGGREGATION_LABELS.has(text) || (MATCHING_LABELS.has(text) && next === '(')) {
      const close = closing(tokens, at + 1);
      const labels = tokens.slice(at + 2, close).flatMap((each) => (each.kind === 'name' ? [each.text] : []));
      const [from, to] = AGGREGATION_LABELS.has(text)
        ? aggregated(tokens, at, close)
        : [0, tokens.length - 1];
      pending.push({ keyword: text, labels, from, to });
      at = close;
    } else if (!WORDS.has(text.toLowerCase()) && !MATCHING_LABELS.has(text) && next !== '(') {
      if (isAggregationBefore(tokens, at + 1)) continue;
      selectors.push({ metric: text, labels: [] });
      positions.push(at);
    }
  }
  const groupings = pending.map(({ keyword, labels, from, to }) => ({
    keyword,
    labels,
    metrics: [
      ...new Set(
        selectors.flatMap(({ metric }, index) => {
          const position = positions[index] ?? -1;
          return position >= from && position <= to ? [metric] : [];
        }),
      ),
    ],
  }));
  return { selectors, groupings };
}

const END: Token = { kind: 'symbol', text: '' };

function token(tokens: readonly Token[], at: number): Token {
  return tokens[at] ?? END;
}

function tokensOf(expression: string): Token[] {
  const tokens: Token[] = [];
  let rest = expression;
  while (rest !== '') {
    const found = TOKENS.map(([kind, pattern]) => [kind, pattern.exec(rest)?.[0]] as const).find(
      ([, text]) => text !== undefined,
    );
    const [kind, text] = found ?? [];
    if (kind === undefined || text === undefined) throw new Error(`no PromQL from here on: ${rest}`);
    if (kind !== 'skip') tokens.push({ kind, text });
    rest = rest.slice(text.length);
  }
  return tokens;
}

/** `sum by (a) (…)`: the name is followed by the labels, and not by what it aggregates. */
function isAggregationBefore(tokens: readonly Token[], next: number): boolean {
  return AGGREGATION_LABELS.has(token(tokens, next).text);
}

/** Where the parentheses are that an aggregation reads: after its labels, or before them. */
function aggregated(tokens: readonly Token[], at: number, close: number): [from: number, to: number] {
  if (token(tokens, close + 1).text === '(') return [close + 1, closing(tokens, close + 1)];
  return [opening(tokens, at - 1), at - 1];
}

function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    if ('({['.includes(token(tokens, at).text)) depth += 1;
    if (')}]'.includes(token(tokens, at).text)) depth -= 1;
    if (depth === 0) return at;
  }
  throw new Error('a parenthesis is not closed');
}

function opening(tokens: readonly Token[], close: number): number {
  let depth = 0;
  for (let at = close; at >= 0; at -= 1) {
    if (')}]'.includes(token(tokens, at).text)) depth += 1;
    if ('({['.includes(token(tokens, at).text)) depth -= 1;
    if (depth === 0) return at;
  }
  throw new Error('a parenthesis is not opened');
}
