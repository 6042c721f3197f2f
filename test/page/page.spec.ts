import { afterAll, afterEach, beforeAll, describe, expect } from '@jest/globals';
import { deploymentOf, startBeacon, type Beacon } from '#testing';
import { TestBrowser, describePage, type OpenPage } from './browser.js';
import { Tabs } from './tabs.js';
import { batchesCases } from './batches.js';
import { frameCases } from './frame.js';
import { largeRunCases } from './large-run.js';
import { operationsCases } from './operations.js';
import { runCases } from './run.js';

const KEYS = {
  admin: 'admin-key-0123456789',
  operator: 'operator-key-0123456789',
  customer: 'customer-key-0123456789',
  reader: 'reader-key-0123456789',
};

// One spec file: a Chromium, and a process with all of the router in it, cost more than most of these cases.
describePage('the page', () => {
  let browser: TestBrowser;
  const open: OpenPage = (...given) => browser.open(...given);
  beforeAll(async () => {
    browser = await TestBrowser.start();
  });
  afterAll(() => browser?.stop());

  describe('of a router with keys', () => {
    let beacon: Beacon;
    beforeAll(async () => {
      beacon = await startBeacon({
        configuration: deploymentOf(
          { m: ['US', 'EU'].map((region) => ({ region, gpu: 'T4' })), n: [{ region: 'US', gpu: 'T4' }] },
          { questions: [{ id: 'capital', text: 'What is the capital of France?', system: 'Be brief.' }] },
        ),
        keys: {
          [KEYS.admin]: { roles: ['admin'], tenant: 'acme' },
          [KEYS.operator]: { roles: ['operate'], tenant: 'operations' },
          [KEYS.customer]: { roles: ['submit'], tenant: 'acme' },
          [KEYS.reader]: { roles: ['read'], tenant: 'reader' },
        },
      });
    });
    afterAll(() => beacon?.stop());

    const tabs = new Tabs(open, () => beacon.url);
    afterEach(() => expect(tabs.faults()).toEqual([]));
    afterAll(() => tabs.close());

    describe('around every view', () => frameCases(open, tabs, () => beacon, KEYS));
    describe('composing, approving and operating', () => operationsCases(tabs, () => beacon, KEYS));
    describe('of files and batches', () => batchesCases(tabs, () => beacon, KEYS.customer));
  });

  describe('of a run that goes on', () => runCases(open));
  describe('of a run of 100,000 cells', () => largeRunCases(open));
});
