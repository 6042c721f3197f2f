import { AttemptEntity } from './attempt.entity.js';
import { JobEntity } from './job.entity.js';

export const ENTITIES = [JobEntity, AttemptEntity];
