import 'reflect-metadata';
import { DEFAULT_REQUEST_LIMITS } from '#contracts';
import { apiDocument } from './http/api-document.js';

// What `npm run generate` freezes in docs/openapi.json: the document as a router with default limits serves it.
process.stdout.write(`${JSON.stringify(apiDocument(DEFAULT_REQUEST_LIMITS), null, 1)}\n`);
