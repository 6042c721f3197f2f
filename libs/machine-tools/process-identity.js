import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export async function identifyProcess(pid) {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return process.platform === 'linux' ? identifyFromProc(pid) : identifyFromPs(pid);
}

async function identifyFromProc(pid) {
  try {
    const [stat, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    // The name in parentheses may hold anything, so fields are counted from the last parenthesis: state is the
    // 1st after it, start time (field 22 of proc(5)) the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return {
      startTime: fields[19] ?? '',
      commandLine: commandLine.split('\0').filter((part) => part !== ''),
    };
  } catch {
    return undefined;
  }
}

async function identifyFromPs(pid) {
  try {
    const run = promisify(execFile);
    const [started, command] = await Promise.all([
      run('ps', ['-o', 'lstart=', '-p', String(pid)]),
      run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]),
    ]);
    return { startTime: started.stdout.trim(), commandLine: command.stdout.trim().split(' ') };
  } catch {
    return undefined;
  }
}
