import { describe, expect, it } from '@jest/globals';
import { isModalUrl, workspaceOf } from './workspace.js';

describe('the workspace behind a URL', () => {
  it.each([
    ['https://acme--beacon-us.modal.run/llama3.2-1b', 'acme', true],
    ['https://acme-dev--beacon-us.modal.run/', 'acme-dev', true],
    ['https://acme--app-fn.us-east.modal.direct/x', 'acme', true],
    ['https://modal.run.example/x', 'https://modal.run.example', false],
    ['http://127.0.0.1:8123/us-m', 'http://127.0.0.1:8123', false],
    ['https://api.example/v1/chat/completions', 'https://api.example', false],
  ])('%s is %s', (url, workspace, isModal) => {
    expect({ workspace: workspaceOf({ url }), isModal: isModalUrl(url) }).toEqual({ workspace, isModal });
  });

  it('is what the configuration says where it says one', () => {
    expect(workspaceOf({ url: 'https://acme--a.modal.run/m', workspace: 'ours' })).toBe('ours');
  });
});
