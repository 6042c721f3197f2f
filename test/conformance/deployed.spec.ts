import { describe, it } from '@jest/globals';
import { conformance } from './suite.js';
import { deployedTargets } from './targets/deployed.js';

/** A cold start of six minutes, and then some. */
const LIMIT_MS = 900_000;
const { CONFORMANCE_CONFIG: path } = process.env;

if (path === undefined || path === '') {
  describe('what is deployed', () => {
    // eslint-disable-next-line no-restricted-syntax -- said, not hidden: it cannot run here
    it.todo('needs CONFORMANCE_CONFIG, a beacon.yaml, with MODAL_KEY and MODAL_SECRET');
  });
} else {
  for (const { id, start } of deployedTargets(path, process.env))
    conformance(`what is deployed as ${id}`, start, LIMIT_MS);
}
