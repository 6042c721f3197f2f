import type { Role } from '../session/roles.js';

export interface Section {
  readonly path: string;
  readonly label: string;
  /** Who is not allowed what it shows is not shown the way there. */
  readonly role: Role;
}

export const SECTIONS: readonly Section[] = [
  { path: '/runs', label: 'Runs', role: 'read' },
  { path: '/compose', label: 'New run', role: 'submit' },
  { path: '/gates', label: 'Gates', role: 'read' },
  { path: '/batches', label: 'Batches', role: 'read' },
  { path: '/queue', label: 'Queue', role: 'read' },
  { path: '/dead-letters', label: 'Dead letters', role: 'read' },
  { path: '/ledger', label: 'Ledger', role: 'ledger' },
];

/** @returns whether the section is the one that `location` lies in */
export function isWithin({ path }: Section, location: string): boolean {
  return location === path || location.startsWith(`${path}/`);
}
