import {
  batchOperations,
  coreOperations,
  deadLetterOperations,
  keyOperations,
  ledgerOperations,
  openAiOperations,
  openApiDocument,
  operationsOperations,
  runListOperations,
  runOperations,
  taskOperations,
  webhookOperations,
  type RequestLimits,
} from '#contracts';
import { accessOf, needsKey } from '../access/route-access.js';
import { CHARTER_FACES } from '../charter/charter-faces.js';

/** That of package.json, which a test holds it to: it is not there to be read where only `dist/` is. */
const VERSION = '0.1.0';

/** The OpenAPI 3.1 document of all that the router serves, under the limits that are in force. */
export function apiDocument(limits: RequestLimits): Record<string, unknown> {
  return openApiDocument(
    [
      ...coreOperations(limits),
      ...runOperations(limits),
      ...runListOperations(),
      ...keyOperations(),
      ...ledgerOperations(),
      ...webhookOperations(),
      ...operationsOperations(),
      ...deadLetterOperations(),
      ...taskOperations(limits),
      ...batchOperations(),
      ...openAiOperations(),
    ],
    {
      version: VERSION,
      needsKey,
      access: whoMay,
      charterOf: (operation) => CHARTER_FACES[operation]?.schema,
    },
  );
}

/** Who may use a route, for readers. */
function whoMay(route: string): string {
  const access = accessOf(route);
  switch (access?.kind) {
    case 'open':
      return 'Needs no key.';
    case 'secret':
      return 'Needs a secret of its own instead of a key.';
    case 'caller':
      return 'Any key will do.';
    case 'role': {
      const roles = [access.role, ...(access.or === undefined ? [] : [access.or])];
      const whose =
        access.owned === undefined ? '' : "; of other tenants' it is said that they are not there";
      return `Needs the role ${roles.map((role) => `\`${role}\``).join(' or ')}${whose}.`;
    }
    case undefined:
      return '';
  }
}
