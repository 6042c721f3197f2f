import { describe, it } from '@jest/globals';
import { conformance } from './suite.js';
import { applicationTarget, deploymentPython } from './targets/application.js';

const LIMIT_MS = 60_000;
const python = deploymentPython();

if (python === undefined) {
  describe('the application under uvicorn', () => {
    // eslint-disable-next-line no-restricted-syntax -- said, not hidden: it cannot run here
    it.todo('needs the Python side: python3 modal-deployment/setup_env.py');
  });
} else {
  conformance('the application under uvicorn', () => applicationTarget(python), LIMIT_MS);
}
