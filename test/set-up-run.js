import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What specs make once and copy from then on lies here, for this run alone. */
export default async function setUpRun() {
  process.env['TEST_TEMPLATES_DIR'] = await mkdtemp(join(tmpdir(), 'beacon-test-templates-'));
}
