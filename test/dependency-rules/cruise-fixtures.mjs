// Usage: node cruise-fixtures.mjs FOLDER FIXTURE...
// Applies the repository's dependency rules to each fixture as if it were the repository, and prints
// {"<fixture>": <result of dependency-cruiser>}. A process of its own: Jest's module loader is too slow for it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import configuration from '../../.dependency-cruiser.cjs';

const [folder = '', ...fixtures] = process.argv.slice(2);
const { options, ...ruleSet } = configuration;
const results = {};
for (const fixture of fixtures) {
  const baseDir = join(folder, fixture);
  const roots = ['apps', 'libs', 'test'].filter((root) => readdirSync(baseDir).includes(root));
  const { output } = await cruise(
    roots,
    { ...options, ruleSet: { ...ruleSet, options }, validate: true, baseDir },
    options.enhancedResolveOptions,
  );
  results[fixture] = output;
}
process.stdout.write(JSON.stringify(results));
