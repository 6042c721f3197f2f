/**
 * What operators change while Beacon runs. A pause and a warm order are about an endpoint or a whole region, which are
 * separate facts: resuming a region leaves an endpoint paused that was paused by itself.
 */
export const CONTROL_KINDS = ['pause', 'warm', 'mode', 'setting'] as const;
export type ControlKind = (typeof CONTROL_KINDS)[number];

export const CONTROL_MODES = ['direct', 'single_region'] as const;
export type ControlMode = (typeof CONTROL_MODES)[number];

/** Why something changed: somebody asked, somebody took an earlier change back, or its time was over. */
export const CHANGE_CAUSES = ['asked', 'undone', 'ended'] as const;
export type ChangeCause = (typeof CHANGE_CAUSES)[number];

/** What is in force about one thing. */
export type ControlValue =
  | {
      readonly kind: 'pause';
      /** It was asked to be emptied; otherwise only to take nothing new. */
      readonly drain: boolean;
      /** Once nothing is in flight the platform is told to give the idle container up. */
      readonly release: boolean;
    }
  | { readonly kind: 'warm' }
  | {
      readonly kind: 'mode';
      /** Of single-region mode: the region that takes everything. */
      readonly region: string | null;
    }
  | { readonly kind: 'setting'; readonly value: number };

/** A value with who wants it, since when and until when. */
export interface ControlState {
  readonly value: ControlValue;
  readonly reason: string | null;
  /** Id of the key it was asked with; `local` where there are none. */
  readonly actor: string;
  readonly tenant: string;
  /** Unix ms. */
  readonly sinceMs: number;
  /** Unix ms at which it ends by itself; null: it does not. */
  readonly untilMs: number | null;
}

/** Something in force. What it is about is `kind` and `target` together. */
export interface Control extends ControlState {
  readonly kind: ControlKind;
  /** `endpoint:ID` or `region:NAME`, a mode, or the name of a setting. */
  readonly target: string;
  /** The change that brought it. */
  readonly changeId: number;
}

export const endpointTarget = (id: string): string => `endpoint:${id}`;
export const regionTarget = (region: string): string => `region:${region}`;

/** @returns undefined for what this version does not know: it is left alone */
export function controlValueOf(kind: ControlKind, stored: unknown): ControlValue | undefined {
  if (typeof stored !== 'object' || stored === null) return undefined;
  const fields = stored as Readonly<Record<string, unknown>>;
  switch (kind) {
    case 'pause':
      return { kind, drain: fields['drain'] === true, release: fields['release'] === true };
    case 'warm':
      return { kind };
    case 'mode': {
      const { region } = fields;
      return { kind, region: typeof region === 'string' ? region : null };
    }
    case 'setting': {
      const { value } = fields;
      return typeof value === 'number' ? { kind, value } : undefined;
    }
  }
}

/** What the controls in force ask of one endpoint. */
export interface StandingOrders {
  /** Its own pause and its region's; empty: it is not paused. */
  readonly pauses: readonly Control[];
  /** It is to give its idle container up. */
  readonly releaseWhenIdle: boolean;
  /** It is to have a container, whether there is work or not. */
  readonly keepWarm: boolean;
  /** Another region takes everything that is not pinned here. */
  readonly pinnedOnly: boolean;
}

export const NO_ORDERS: StandingOrders = {
  pauses: [],
  releaseWhenIdle: false,
  keepWarm: false,
  pinnedOnly: false,
};

export function ordersOf(
  { id, region }: { readonly id: string; readonly region: string },
  controls: readonly Control[],
): StandingOrders {
  if (controls.length === 0) return NO_ORDERS;
  const targets = [endpointTarget(id), regionTarget(region)];
  const ofEndpoint = controls.filter(({ target }) => targets.includes(target));
  const pauses = ofEndpoint.filter(({ kind }) => kind === 'pause');
  const only = singleRegionOf(controls);
  return {
    pauses,
    releaseWhenIdle: pauses.some(({ value }) => value.kind === 'pause' && value.release),
    keepWarm: pauses.length === 0 && ofEndpoint.some(({ kind }) => kind === 'warm'),
    pinnedOnly: only !== undefined && only !== region,
  };
}

/** The region that takes all that is not pinned elsewhere; undefined: there is no such order. */
export function singleRegionOf(controls: readonly Control[]): string | undefined {
  const mode = controls.find(({ kind, target }) => kind === 'mode' && target === 'single_region');
  return mode?.value.kind === 'mode' ? (mode.value.region ?? undefined) : undefined;
}

/** Whether jobs that a caller waits for go before all others. */
export function isDirectMode(controls: readonly Control[]): boolean {
  return controls.some(({ kind, target }) => kind === 'mode' && target === 'direct');
}

/** One entry of the history. */
export interface ControlChange {
  readonly changeId: number;
  readonly kind: ControlKind;
  readonly target: string;
  /** What was in force until then; null: nothing. */
  readonly before: ControlState | null;
  /** What is from then on; null: nothing. */
  readonly after: ControlState | null;
}

export type UndoPlan =
  | { readonly kind: 'restore'; readonly state: ControlState | null }
  /** A later change would be overwritten. */
  | { readonly kind: 'refuse'; readonly laterChangeId: number };

/**
 * What taking a change back comes to: what was in force before it, unless that would have ended by itself meanwhile.
 * @param latestChangeId the latest change of the same thing
 */
export function planUndo(change: ControlChange, latestChangeId: number, nowMs: number): UndoPlan {
  if (latestChangeId !== change.changeId) return { kind: 'refuse', laterChangeId: latestChangeId };
  const { before } = change;
  const isOver = (before?.untilMs ?? Number.POSITIVE_INFINITY) <= nowMs;
  return { kind: 'restore', state: isOver ? null : before };
}
