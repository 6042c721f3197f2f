import {
  auditListSchema,
  auditQuerySchema,
  keyCreatedSchema,
  keyListSchema,
  keyRequestSchema,
  keyRotationSchema,
  keySelfSchema,
  keyViewSchema,
} from './http/keys.js';
import { BODY_PROBLEMS } from './openapi-problems.js';
import type { Operation } from './openapi.js';

/** Operations on keys, and the log of administrative acts. */
export function keyOperations(): Operation[] {
  return [
    {
      method: 'post',
      path: '/keys',
      tag: 'keys',
      summary: 'Make a key; the answer is the only one that ever holds it',
      request: keyRequestSchema,
      responses: { 201: keyCreatedSchema },
      problems: [...BODY_PROBLEMS, 'KEYS_NOT_IN_FORCE'],
    },
    {
      method: 'get',
      path: '/keys',
      tag: 'keys',
      summary: 'All keys, also those that have ended',
      responses: { 200: keyListSchema },
      problems: ['KEYS_NOT_IN_FORCE'],
    },
    {
      method: 'get',
      path: '/keys/self',
      tag: 'keys',
      summary: 'What the key of this request may do',
      responses: { 200: keySelfSchema },
      problems: [],
    },
    {
      method: 'delete',
      path: '/keys/{key_id}',
      tag: 'keys',
      summary: 'Revoke a key: within a second it opens nothing any more, and what it has under way is cut',
      responses: { 200: keyViewSchema },
      problems: ['KEYS_NOT_IN_FORCE', 'KEY_NOT_FOUND'],
    },
    {
      method: 'post',
      path: '/keys/{key_id}/rotate',
      tag: 'keys',
      summary: 'Make a key that takes over from this one, which goes on for a while',
      request: keyRotationSchema,
      responses: { 201: keyCreatedSchema },
      problems: [...BODY_PROBLEMS, 'KEYS_NOT_IN_FORCE', 'KEY_NOT_FOUND', 'KEY_ENDED', 'KEY_IN_FILE'],
    },
    {
      method: 'get',
      path: '/audit',
      tag: 'keys',
      summary: 'Administrative acts, the latest first',
      query: auditQuerySchema.shape,
      responses: { 200: auditListSchema },
      problems: ['VALIDATION_FAILED'],
    },
  ];
}
