export { Database, type DatabaseOptions, type Queryable } from './database.js';
export { JobEntity, type StoredResult } from './entities/job.entity.js';
export { AttemptEntity } from './entities/attempt.entity.js';
