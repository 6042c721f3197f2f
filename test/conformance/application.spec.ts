import { describe, it } from '@jest/globals';
import { conformanceOfExpiry } from './job-suite.js';
import { conformance } from './suite.js';
import { applicationCandidate, deploymentPython } from './targets/application.js';

const python = deploymentPython();

if (python === undefined) {
  describe('the application under uvicorn', () => {
    // eslint-disable-next-line no-restricted-syntax -- said, not hidden: it cannot run here
    it.todo('needs the Python side: python3 modal-deployment/setup_env.py');
  });
} else {
  conformance(applicationCandidate('the application under uvicorn', python));
  conformanceOfExpiry(
    applicationCandidate('the application under uvicorn, forgetful', python, ['--result-ttl-s', '1']),
  );
}
