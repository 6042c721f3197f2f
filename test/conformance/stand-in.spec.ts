import { conformanceOfExpiry } from './job-suite.js';
import { conformanceOfResultUrls } from './result-url-suite.js';
import { conformance } from './suite.js';
import { standInCandidate } from './targets/stand-in.js';

conformance(standInCandidate('the stand-in', { loadS: 20 }));
conformanceOfExpiry(standInCandidate('the stand-in, forgetful', { loadS: 0, resultKeptS: 60 }));
// Longer than one request may take, which is 150 s.
conformanceOfResultUrls(standInCandidate('the stand-in, cold', { loadS: 250 }));
