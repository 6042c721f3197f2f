import { randomBytes } from 'node:crypto';

/** Ids are unique across restarts of the stand-in, as Modal's are across deployments. */
const RUN = randomBytes(6).toString('hex').toUpperCase();
let minted = 0;

/** @returns e.g. `fc-01A3F…0000002C`; `fc` names a call, `ta` a container */
export function mintId(prefix: 'fc' | 'ta'): string {
  minted += 1;
  return `${prefix}-01${RUN}${minted.toString(16).toUpperCase().padStart(8, '0')}`;
}
