import { AttemptEntity } from './attempt.entity.js';
import { JobEntity } from './job.entity.js';
import { RunGateEntity } from './run-gate.entity.js';
import { RunEntity } from './run.entity.js';

export const ENTITIES = [JobEntity, AttemptEntity, RunEntity, RunGateEntity];
