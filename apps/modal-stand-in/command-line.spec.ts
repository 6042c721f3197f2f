import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine } from './command-line.js';

describe('command line', () => {
  it('serves the built-in configuration with a time scale, a seed and a port', () => {
    const command = parseCommandLine(['--default', '--time-scale', '600', '--seed', '7', '--port', '8123']);
    expect(command).toMatchObject({
      kind: 'serve',
      host: '127.0.0.1',
      port: 8123,
      configuration: { time_scale: 600, seed: 7 },
    });
  });

  it('picks a free port unless told otherwise', () => {
    expect(parseCommandLine(['--default'])).toMatchObject({ port: 0, configuration: { time_scale: 60 } });
  });

  it('serves the real model under its own names, on a CPU, at a scale that leaves time to compute', () => {
    const command = parseCommandLine(['--default', '--real-model', '/models']);
    expect(command).toMatchObject({ realModelFolder: '/models', configuration: { time_scale: 20 } });
    if (command.kind !== 'serve') throw new Error(command.kind);
    const { endpoints } = command.configuration;
    expect(endpoints).toHaveLength(8);
    for (const { models, gpu } of endpoints) {
      expect(models.join()).toMatch(/^smollm2-135m-(plain|brief|teacher)$/);
      expect(gpu).toBe('CPU');
    }
    expect(endpoints.map(({ id }) => id)).not.toContain('us-smollm2-135m-teacher');
  });

  it('lets the real model answer in the name of no other', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
    const file = join(folder, 'other.yaml');
    writeFileSync(file, 'endpoints: [{ id: us-m, region: US, models: [llama3.2-1b] }]');
    expect(parseCommandLine(['--config', file])).toMatchObject({ realModelFolder: undefined });
    expect(() => parseCommandLine(['--config', file, '--real-model', '/models'])).toThrow('llama3.2-1b');
    rmSync(folder, { recursive: true });
  });

  it('prints the built-in configuration', () => {
    const command = parseCommandLine(['--print-default-config', '--time-scale', '10']);
    expect(command).toMatchObject({ kind: 'print', configuration: { time_scale: 10 } });
  });

  it.each([
    [[], '--config'],
    [['--default', '--config', 'x.yaml'], '--config'],
    [['--default', '--port', '70000'], '--port'],
    [['--default', '--time-scale', 'fast'], '--time-scale'],
    [['--default', '--time-scale', '0'], 'time_scale'],
    [['--config', '/nonexistent.yaml'], '/nonexistent.yaml'],
    [['--config', 'x.yaml', '--seed', '1'], '--seed'],
    [['--unknown'], '--unknown'],
  ])('refuses %j, naming %s', (args, named) => {
    expect(() => parseCommandLine(args)).toThrow(named);
  });
});
