import { hasRole, type Caller } from './access.js';

/** How much of what Beacon knows a caller is shown. */
export interface Face {
  /** Endpoints, GPUs and the upstream's own words. Without it a caller has the charter: what a customer may see. */
  readonly operations: boolean;
  /** What things cost. */
  readonly money: boolean;
}

/** @param showsCosts whether everybody is shown costs: `charter.show_costs` */
export function faceOf(caller: Pick<Caller, 'kind' | 'roles'>, showsCosts: boolean): Face {
  return {
    operations: hasRole(caller, 'operate'),
    // Other processes of Beacon reckon with costs; a server without keys belongs to whoever asks.
    money: showsCosts || caller.kind !== 'key' || hasRole(caller, 'ledger'),
  };
}
