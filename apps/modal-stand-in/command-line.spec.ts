import { describe, expect, it } from '@jest/globals';
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
