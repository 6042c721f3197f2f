import type { AnswerOf } from '#router-client';

/** What the router says of the caller. */
export type Self = AnswerOf<'/keys/self', 'get'>;
export type Role = Self['roles'][number];

/** As the router has it: `operate` reads, `admin` does everything. */
const IMPLIED: Readonly<Record<Role, readonly Role[]>> = {
  submit: ['submit', 'read'],
  read: ['read'],
  operate: ['operate', 'read'],
  ledger: ['ledger'],
  admin: ['submit', 'read', 'operate', 'ledger', 'admin'],
};

export function mayAs({ roles }: Pick<Self, 'roles'>, role: Role): boolean {
  return roles.some((each) => IMPLIED[each].includes(role));
}
