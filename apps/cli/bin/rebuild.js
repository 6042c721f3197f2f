#!/usr/bin/env node
// `npm run build`: builds everything, and leaves word of what it was built from.
import { join } from 'node:path';
import { build } from './build.js';

await build(join(import.meta.dirname, '..', '..', '..'));
