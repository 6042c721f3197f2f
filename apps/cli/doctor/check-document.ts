import { brokenRuleOf, judgeConfiguration, type Configuration, type ConfigurationFault } from '#config';
import { findingsOf } from './cures.js';
import { DocumentDraft } from './document-draft.js';
import { finding, type Finding } from './finding.js';
import type { Path, Source } from './source.js';
import { endpointsOf } from './written-endpoints.js';

/** Rounds of taking out what is wrong and looking at the rest. */
const ROUNDS_MAX = 8;

export interface CheckedDocument {
  /** Without the endpoints that cannot be used; undefined: too much is wrong to look any further. */
  readonly configuration: Configuration | undefined;
  /** Where each endpoint of the configuration stands in the file. */
  readonly places: readonly number[];
  readonly findings: readonly Finding[];
}

/**
 * Everything that would stop the start. A fault in one place hides what depends on it, so what is wrong is taken out and
 * the rest is looked at again. What an endpoint cannot be without is replaced by something that nothing is wrong with:
 * the endpoint counts as one, and its other keys are held to the rules.
 */
export function checkDocument(source: Source): CheckedDocument {
  if (source.faults.length > 0) {
    return {
      configuration: undefined,
      places: [],
      findings: source.faults.map(({ message, line }) =>
        finding(
          'config_not_yaml',
          { ...source.at([]), line },
          `this is not YAML: ${message.split('\n')[0] ?? ''}`,
          yamlCure(message),
        ),
      ),
    };
  }
  const findings: Finding[] = [];
  const draft = new DocumentDraft(source.value);
  const takenOut: Path[] = [];
  /** Endpoints, by where they stand in the file, of which something was replaced. */
  const unusable = new Set<number>();
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const judged = judgeConfiguration(draft.value);
    if ('configuration' in judged) return { ...usableOf(judged.configuration, unusable), findings };
    const faults = judged.faults.map((fault) => ({ fault, path: draft.asWritten(fault.path) }));
    // Rules are held to values that are wrong by themselves as well, where they are of the right kind.
    const wrongByThemselves = faults.flatMap(({ fault, path }) =>
      fault.code === 'custom' || fault.code === 'unrecognized_keys' ? [] : [path],
    );
    for (const { fault, path } of faults) {
      if (isFollowUp(fault, path, draft, takenOut, wrongByThemselves)) continue;
      const isTaken = (value: unknown): boolean => wouldTake(draft, fault.path, value);
      // An empty name is too short as well as not well formed: both are told in the same words, so once.
      for (const each of findingsOf(fault, path, source, isTaken))
        if (!findings.some((one) => isSame(one, each))) findings.push(each);
    }
    const wrong = new Map(
      faults.flatMap(({ fault }) => wrongIn(fault, draft)).map((path) => [keyOf(path), path]),
    );
    const paths = [...wrong.values()];
    // The whole of it, or so much that it is no configuration any longer.
    if (paths.some((path) => path.length === 0)) break;
    takenOut.push(...paths.map((path) => draft.asWritten(path)));
    draft.takeOut(replaceIn(draft, paths, unusable));
  }
  return { configuration: undefined, places: [], findings };
}

function yamlCure(message: string): string {
  if (/unique/.test(message)) return 'a key stands twice: keep one of them';
  if (/tab/i.test(message)) return 'indent with spaces, not with tabs';
  return 'mend the indentation, the quotes or the brackets around this line';
}

function usableOf(
  configuration: Configuration,
  unusable: ReadonlySet<number>,
): Omit<CheckedDocument, 'findings'> {
  // Endpoints are replaced and never taken out: in the draft they stand where they stand in the file.
  const places = configuration.endpoints.map((_, index) => index).filter((index) => !unusable.has(index));
  if (places.length === 0) return { configuration: undefined, places };
  const endpoints = configuration.endpoints.filter((_, index) => !unusable.has(index));
  return { configuration: { ...configuration, endpoints }, places };
}

/** Whether something is wrong only because of what was taken out in an earlier round, or is about to be. */
function isFollowUp(
  fault: ConfigurationFault,
  path: Path,
  draft: DocumentDraft,
  takenOut: readonly Path[],
  wrongByThemselves: readonly Path[],
): boolean {
  if (takenOut.some((out) => keyOf(out) === keyOf(path))) return true;
  const broken = brokenRuleOf(fault);
  if (broken === undefined) return takenOut.some((out) => isWithin(out, path));
  return broken.beside.some((place) => {
    const beside = draft.asWritten(place);
    return [...takenOut, ...wrongByThemselves].some((out) => isWithin(out, beside) || isWithin(beside, out));
  });
}

function isWithin(inner: Path, outer: Path): boolean {
  return outer.every((part, index) => part === inner[index]);
}

/** @returns what has to go so that this fault goes: what is wrong, or what cannot be without the thing that is missing */
function wrongIn(fault: ConfigurationFault, draft: DocumentDraft): Path[] {
  if (fault.code === 'unrecognized_keys') return fault.keys.map((key) => [...fault.path, key]);
  const broken = brokenRuleOf(fault);
  if (broken?.rule === 'endpoint_limit') return [['limits', 'endpoints']];
  if (broken?.entry !== undefined) return [[...fault.path, broken.entry]];
  const isMissing = draft.valueAt(fault.path) === undefined;
  return [isMissing && neutralFor(fault.path, draft) === undefined ? fault.path.slice(0, -1) : fault.path];
}

function isSame(one: Finding, other: Finding): boolean {
  return one.code === other.code && one.where.key === other.where.key && one.what === other.what;
}

function keyOf(path: Path): string {
  return JSON.stringify(path.map(String));
}

/** Whether the configuration would have nothing against a value. */
function wouldTake(draft: DocumentDraft, path: Path, value: unknown): boolean {
  const changed = new DocumentDraft(draft.value);
  changed.put(path, value);
  const judged = judgeConfiguration(changed.value);
  return 'configuration' in judged || !judged.faults.some((fault) => isWithin(fault.path, path));
}

/** Of an endpoint: who is asked there with whose credentials. Without it nobody is asked. */
const WHO_IS_ASKED: ReadonlySet<PropertyKey | undefined> = new Set(['protocol', 'api_key_env']);

/** @returns the rest of what is wrong, for which nothing was put in its place */
function replaceIn(draft: DocumentDraft, paths: readonly Path[], unusable: Set<number>): Path[] {
  return paths.filter((path) => {
    const [head, index, key] = path;
    const neutral = neutralFor(path, draft);
    if (neutral !== undefined) draft.put(path, neutral);
    if (head === 'endpoints' && typeof index === 'number' && (neutral !== undefined || WHO_IS_ASKED.has(key)))
      unusable.add(index);
    return neutral === undefined;
  });
}

/** @returns what no rule has anything against; undefined: it may be left out, or nothing is known */
function neutralFor(path: Path, draft: DocumentDraft): unknown {
  const [head, second, key, ...further] = path;
  if (path.length === 1 && head === 'regions') return regionsOfEndpoints(draft);
  if (path.length === 2 && head === 'limits' && second === 'endpoints') return 1000;
  if (head !== 'endpoints' || typeof second !== 'number' || further.length > 0) return undefined;
  const regions = draft.valueAt(['regions']);
  const region = typeof regions === 'object' && regions !== null ? Object.keys(regions)[0] : undefined;
  if (region === undefined) return undefined;
  const endpoint: Readonly<Record<string, unknown>> = {
    ...{ id: `endpoint-${second}-of-the-doctor`, region, models: ['none'], url: 'https://none.invalid/' },
  };
  return key === undefined ? endpoint : endpoint[String(key)];
}

function regionsOfEndpoints(draft: DocumentDraft): unknown {
  const names = endpointsOf(draft.value).map((_, index) => draft.valueAt(['endpoints', index, 'region']));
  const texts = names.filter((name) => typeof name === 'string');
  return texts.length === 0 ? undefined : Object.fromEntries(texts.map((name) => [name, {}]));
}
