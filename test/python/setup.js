// Sets up the Python side of modal-deployment/ before the tests, where there is a Python for it. In CI everything is
// installed; elsewhere torch and transformers, 5 GB, only where they are there already or asked for:
//   npm run setup:python -- --all
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../modal-deployment/setup_env.py', import.meta.url));
const python = findPython();

if (python === undefined) {
  say('no Python 3.11 or later on the PATH: the tests of modal-deployment/ are left out');
} else {
  const all = process.argv.includes('--all') || Boolean(process.env.CI);
  const isComplete = spawnSync(python, [SCRIPT, '--check'], { stdio: 'ignore' }).status === 0;
  if (!isComplete) {
    const { status } = spawnSync(python, [SCRIPT, ...(all ? [] : ['--without-model'])], { stdio: 'inherit' });
    if (status !== 0)
      say('could not be set up: the tests of modal-deployment/ are left out, as they will say');
  }
}

function findPython() {
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python']) {
    try {
      const version = execFileSync(name, ['-c', 'import sys; print(sys.version_info >= (3, 11))'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      if (version.trim() === 'True') return name;
    } catch {
      // Not there, or a name that a version manager keeps without anything behind it.
    }
  }
  return undefined;
}

function say(text) {
  process.stderr.write(`python setup: ${text}\n`);
}
