import { CHANGEABLE_NAMES, boundOf, settingOf, type Configuration, type SettingName } from '#config';
import type { ControlChangeView, ControlView, OperationsView, SettingView } from '#contracts';
import { CONTROL_MODES, endpointState, type Control, type ControlState, type EndpointView } from '#domain';
import type { StoredChange } from '#persistence';

export interface OrderTarget {
  readonly kind: 'endpoint' | 'region';
  readonly id: string;
}

/** Of `endpoint:ID` and `region:NAME`. */
export function orderTargetOf(target: string): OrderTarget {
  const at = target.indexOf(':');
  return { kind: target.startsWith('region:') ? 'region' : 'endpoint', id: target.slice(at + 1) };
}

export function controlView(control: ControlState & { readonly changeId: number }): ControlView {
  const { changeId, reason, actor, sinceMs, untilMs } = control;
  return {
    change_id: changeId,
    reason,
    by: actor,
    since: new Date(sinceMs).toISOString(),
    until: untilMs === null ? null : new Date(untilMs).toISOString(),
  };
}

export function settingView(
  name: SettingName,
  configured: Configuration,
  inForce: Configuration,
  controls: readonly Control[],
): SettingView {
  const control = controls.find(({ kind, target }) => kind === 'setting' && target === name);
  return {
    name,
    configured: settingOf(configured, name),
    in_force: settingOf(inForce, name),
    bound: boundOf(name),
    changed: control === undefined ? null : controlView(control),
  };
}

export function operationsView(
  configured: Configuration,
  inForce: { readonly configuration: Configuration; readonly controls: readonly Control[] },
  endpoints: readonly EndpointView[],
): OperationsView {
  const { controls, configuration } = inForce;
  return {
    pauses: controls.flatMap((control) => {
      if (control.value.kind !== 'pause') return [];
      const target = orderTargetOf(control.target);
      const inFlight = endpointsOf(target, endpoints).reduce((sum, { leases }) => sum + leases, 0);
      const { drain, release } = control.value;
      return [
        { ...controlView(control), target, drain, release, in_flight: inFlight, drained: inFlight === 0 },
      ];
    }),
    warm: controls
      .filter(({ kind }) => kind === 'warm')
      .map((control) => ({ ...controlView(control), target: orderTargetOf(control.target) })),
    modes: CONTROL_MODES.flatMap((mode) => {
      const control = controls.find(({ kind, target }) => kind === 'mode' && target === mode);
      if (control?.value.kind !== 'mode') return [];
      return [{ ...controlView(control), mode, region: control.value.region }];
    }),
    settings: CHANGEABLE_NAMES.map((name) => settingView(name, configured, configuration, controls)).filter(
      ({ changed }) => changed !== null,
    ),
  };
}

export function endpointsOf({ kind, id }: OrderTarget, endpoints: readonly EndpointView[]): EndpointView[] {
  return endpoints.filter(({ spec }) => (kind === 'endpoint' ? spec.id : spec.region) === id);
}

export function orderedEndpoint(view: EndpointView, nowMs: number) {
  const { id, region } = view.spec;
  return { id, region, state: endpointState(view, nowMs), in_flight: view.leases };
}

export function changeView(change: StoredChange): ControlChangeView {
  const { changeId, atMs, kind, target, cause, actor, reason, undoes, before, after } = change;
  return {
    ...{ id: changeId, at: new Date(atMs).toISOString(), kind, target, cause, by: actor, reason, undoes },
    before: before === null ? null : stateView(before),
    after: after === null ? null : stateView(after),
  };
}

function stateView({ value, reason, actor, untilMs }: ControlState): Record<string, unknown> {
  const { kind: _kind, ...fields } = value;
  return {
    ...fields,
    reason,
    by: actor,
    until: untilMs === null ? null : new Date(untilMs).toISOString(),
  };
}
