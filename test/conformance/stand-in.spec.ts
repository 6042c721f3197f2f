import { conformance, conformanceOfResultUrls } from './suite.js';
import { standInTarget } from './targets/stand-in.js';

const LIMIT_MS = 60_000;

conformance('the stand-in', () => standInTarget(20), LIMIT_MS);
// Longer than one request may take, which is 150 s.
conformanceOfResultUrls('the stand-in, cold', () => standInTarget(250), LIMIT_MS);
