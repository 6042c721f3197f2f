import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { exitCodeOf } from '../command-error.js';
import { main } from '../main.js';
import { RealModelUnavailableError } from '../real-model/fetch-real-model.js';
import { ProgramStartError } from '../supervision/node-program.js';

describe('--real-model', () => {
  let said = '';

  beforeEach(() => {
    said = '';
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
  });

  afterEach(() => {
    jest.restoreAllMocks();
    delete process.env['BEACON_CONFIG'];
  });

  it('is refused together with --config, before anything is fetched or read', async () => {
    expect(await main(['up', '--real-model', '--config', '/nonexistent.yaml'])).toBe(64);
    expect(said).toMatch(/^beacon: --real-model .*--config or BEACON_CONFIG.*\n$/);
  });

  it('is refused where BEACON_CONFIG names a configuration', async () => {
    process.env['BEACON_CONFIG'] = '/nonexistent.yaml';
    expect(await main(['up', '--real-model'])).toBe(64);
    expect(said).toContain('leave one of them out');
  });

  it('ends with the code of a service that is not available when the model cannot be had', () => {
    expect(exitCodeOf(new RealModelUnavailableError('no network'))).toBe(69);
    expect(exitCodeOf(new ProgramStartError('modal-stand-in', 69, 'it does not run here'))).toBe(69);
    expect(exitCodeOf(new ProgramStartError('modal-stand-in', 70, 'a fault'))).toBe(1);
  });
});
