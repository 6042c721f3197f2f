import { rm } from 'node:fs/promises';

export default async function tearDownRun() {
  const folder = process.env['TEST_TEMPLATES_DIR'];
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}
