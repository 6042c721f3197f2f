import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { until, type Beacon } from '#testing';
import type { Locator } from 'playwright-core';
import type { Page } from './browser.js';
import { expectFocus } from './focus.js';
import { expectFits, expectGood, expectOneLine, takePicture } from './looks.js';
import type { Tabs } from './tabs.js';

/** Composing, approving and operating. @param keys of a tenant's admin and customer, and of the operators */
export function operationsCases(
  tabs: Tabs,
  beacon: () => Beacon,
  keys: { readonly admin: string; readonly customer: string; readonly operator: string },
): void {
  const runNames = async (): Promise<string[]> => {
    const { body } = await beacon().client.as(keys.admin).request<{ runs: { name: string }[] }>('/runs');
    return body.runs.map(({ name }) => name);
  };

  /** @returns the id of a run that waits at a gate */
  const atGate = async (name: string, after = 'q1'): Promise<string> => {
    const { body } = await beacon()
      .client.as(keys.customer)
      .request<{ run_id: string }>('/runs', {
        json: {
          ...{ name, models: ['m'], regions: ['US'], gates: [{ after_question: after }] },
          questions: ['q1', 'q2'].map((id) => ({ id, text: id })),
        },
      });
    // What the runner does there.
    await beacon().database.query(
      `UPDATE gates SET status = 'waiting', waiting_since = now(), expires_at = now() + interval '1 hour' WHERE run_id = $1`,
      [body.run_id],
    );
    await beacon().database.query(`UPDATE runs SET status = 'awaiting_approval' WHERE id = $1`, [
      body.run_id,
    ]);
    return body.run_id;
  };

  it('shows a quote before the button, puts what is wrong at its field, and starts one run, whatever is clicked or lost', async () => {
    const page = await tabs.at('/compose', keys.admin);
    // What is missing is named, and leads to where it is filled in.
    await page.getByText('3 things are missing or wrong.').waitFor();
    const targets = page.getByRole('region', { name: 'Models and regions' });
    const firstModel = targets.getByRole('checkbox', { name: 'm', exact: true });
    await firstModel.waitFor();
    await page.getByRole('button', { name: 'Models: Choose at least one model.' }).click();
    await expectFocus(firstModel);
    await page.getByRole('button', { name: 'Questions: There is no question yet.' }).click();
    await expectFocus(page.getByLabel('Text'));
    await page.getByLabel('Name').fill('Capitals');
    await page.getByRole('button', { name: 'Add several' }).click();
    await page.getByLabel('One on each line').fill('oldest: Which is the oldest?\nWhich is the largest?');
    await page.getByRole('button', { name: 'Add 2 questions' }).click();
    await page.getByRole('button', { name: 'From the question bank' }).click();
    await page.getByRole('checkbox', { name: /capital of France/ }).check();
    await page.getByRole('button', { name: 'Add 1 question' }).click();
    for (const name of ['m', 'n', 'US', 'EU'])
      await targets.getByRole('checkbox', { name, exact: true }).check();
    const start = page.getByRole('button', { name: /^Start 9 executions, about .+, \$\d/ });
    await start.waitFor();
    await page.getByText('Served nowhere, and not asked: n in EU.').waitFor();
    await expectGood(page, 'compose');

    const temperature = page.getByLabel('Temperature');
    await temperature.fill('7');
    await temperature.and(page.locator('[aria-invalid=true]')).waitFor();
    const described = (await temperature.getAttribute('aria-describedby'))!.split(' ').at(-1)!;
    expect(await page.locator(`[id="${described}"]`).innerText()).toMatch(/2/);
    expect(await page.getByRole('button', { name: 'Start', exact: true }).isDisabled()).toBe(true);
    await page.getByText('One thing is missing or wrong').waitFor();
    await expectGood(page, 'compose-wrong');
    await page.getByRole('button', { name: /^Temperature: / }).click();
    await expectFocus(temperature);
    await temperature.fill('0.5');
    await start.waitFor();
    const budget = page.getByLabel('Budget in GPU seconds');
    await budget.fill('0.001');
    await page.getByRole('button', { name: /^Start 9 executions, .+, may not finish$/ }).waitFor();
    await expectGood(page, 'compose-over-budget');
    await budget.fill('');
    await start.waitFor();

    // What was typed is still there when the page is loaded again.
    await page.reload();
    await start.waitFor();
    expect(await page.getByLabel('Temperature').inputValue()).toBe('0.5');

    // The first answer is lost on its way: the run is there, and the page does not know.
    const sentKeys: string[] = [];
    const isSeen = aSignal();
    await page.route(`${beacon().url}/runs`, async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      sentKeys.push((await route.request().allHeaders())['idempotency-key'] ?? '');
      if (sentKeys.length > 1) {
        await isSeen.given;
        return route.continue();
      }
      await route.fetch();
      return route.abort();
    });
    await clickTwice(start);
    await page.getByRole('alert').getByText('The answer was lost').waitFor();
    isSeen.give();
    await page.waitForURL(/#\/runs\/[0-9a-f-]{36}$/);
    await page.unrouteAll({ behavior: 'wait' });
    expect(await runNames()).toEqual(['Capitals']);
    expect(sentKeys).toEqual([sentKeys[0], sentKeys[0]]);
  });

  it('leads to where models and regions will be, while what is deployed is still being read', async () => {
    const page = await tabs.at('/compose', keys.admin);
    const isLetThrough = aSignal();
    await page.route(`${beacon().url}/queue/status`, async (route) => {
      await isLetThrough.given;
      await route.continue();
    });
    await page.reload();
    const section = page.getByRole('region', { name: 'Models and regions' });
    for (const fault of ['Models: Choose at least one model.', 'Regions: Choose at least one region.']) {
      await page.getByRole('button', { name: fault }).click();
      await expectFocus(section);
    }
    await section.getByText('Reading what is deployed…').waitFor();
    isLetThrough.give();
    await section.getByRole('checkbox', { name: 'm', exact: true }).waitFor();
    await section.getByRole('checkbox', { name: 'EU', exact: true }).waitFor();
    await page.unrouteAll({ behavior: 'wait' });
  });

  it('shows customers what they may start, and neither endpoints nor costs nor orders', async () => {
    const page = await tabs.at('/compose', keys.customer);
    await page.getByLabel('Text').fill('Why?');
    const targets = page.getByRole('region', { name: 'Models and regions' });
    for (const name of ['m', 'US']) await targets.getByRole('checkbox', { name, exact: true }).check();
    await page.getByRole('button', { name: /^Start 1 execution, about [^$]+$/ }).waitFor();
    await page.getByText('US m', { exact: true }).waitFor();
    await page.goto(`${beacon().url}/#/queue`);
    await page.getByRole('heading', { name: 'EU', exact: true }).waitFor();
    // A region is shown with all that there is to it, and the navigation was there before.
    const text = await page.locator('body').innerText();
    expect(text).not.toMatch(/US-m|Endpoint|Ledger|Pause|Drain/);
    expect(text).toContain('Dead letters');
    await expectGood(page, 'queue-customer');
  });

  it('lists the gates that wait, approves one, and shows that somebody else was faster', async () => {
    const client = beacon().client.as(keys.customer);
    const gateOf = async (run: string): Promise<string | undefined> =>
      (await client.request<{ gates: { status: string }[] }>(`/runs/${run}`)).body.gates[0]?.status;
    const [first, second] = [await atGate('first'), await atGate('second')];
    const page = await tabs.at('/gates', keys.customer);
    const row = (name: string) => page.getByRole('row', { name });
    // Not by its role: what lies behind a dialog has none.
    const behind = (name: string) => page.locator('tr', { hasText: name });
    await row('first').waitFor();
    await expectGood(page, 'gates');
    await row('first').getByRole('button', { name: 'Approve' }).click();
    await page.getByText('The questions after this gate are asked.').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await row('first').waitFor({ state: 'detached' });
    expect(await gateOf(first)).toBe('approved');

    await row('second').getByRole('button', { name: 'Reject' }).click();
    const dialog = page.getByRole('dialog', { name: 'End the run after q1?' });
    await dialog.waitFor();
    await client.request(`/runs/${second}/gates/q1/approve`, { method: 'POST' });
    // Whoever was about to decide is told, also where the list has gone on meanwhile.
    await behind('second').waitFor({ state: 'detached' });
    await dialog.getByRole('button', { name: 'Reject and end the run' }).click();
    await page.getByRole('alert').getByText('It was decided meanwhile').waitFor();
    expect(await gateOf(second)).toBe('approved');
    await page.getByText('No run waits for a word').waitFor();

    await atGate('last', 'q2');
    await row('last').getByRole('button', { name: 'Approve' }).click();
    await page.getByText('No question comes after this gate: the run ends').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await row('last').waitFor({ state: 'detached' });

    // The answer to one whose dialog was closed meanwhile closes no other's.
    const [slow, other] = [await atGate('slow'), await atGate('other')];
    const isLetThrough = aSignal();
    const slowGate = `${beacon().url}/runs/${slow}/gates/q1/approve`;
    await page.route(slowGate, async (route) => {
      await isLetThrough.given;
      await route.continue();
    });
    await row('slow').getByRole('button', { name: 'Approve' }).click();
    const asked = page.waitForRequest(slowGate);
    await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await asked;
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await row('other').getByRole('button', { name: 'Reject' }).click();
    await dialog.waitFor();
    isLetThrough.give();
    await behind('slow').waitFor({ state: 'detached' });
    await dialog.getByRole('button', { name: 'Reject and end the run' }).click();
    await row('other').waitFor({ state: 'detached' });
    await page.unroute(slowGate);
    expect([await gateOf(slow), await gateOf(other)]).toEqual(['approved', 'rejected']);
  });

  it('gives the focus back to what opened a dialog; where that is gone, to its list, or to the heading', async () => {
    const client = beacon().client.as(keys.customer);
    await atGate('early');
    const late = await atGate('late');
    const page = await tabs.at('/gates', keys.customer);
    const approve = (name: string) =>
      page.getByRole('row', { name }).getByRole('button', { name: 'Approve' });
    const dialog = page.getByRole('dialog');
    // By keyboard alone.
    await approve('early').focus();
    await page.keyboard.press('Enter');
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await expectFocus(approve('early'));
    await page.keyboard.press('Enter');
    await dialog.getByRole('button', { name: 'Approve' }).focus();
    await page.keyboard.press('Enter');
    // It goes once the list was read again, which is after the dialog.
    await expectFocus(page.getByRole('region', { name: /^Gates that wait for a decision/ }));
    await takePicture(page, 'gates-focus');
    await approve('late').focus();
    await page.keyboard.press('Enter');
    await dialog.waitFor();
    // And here before it is over, with all of the list.
    await client.request(`/runs/${late}/gates/q1/approve`, { method: 'POST' });
    await page.getByText('No run waits for a word').waitFor();
    await page.keyboard.press('Escape');
    await expectFocus(page.getByRole('heading', { name: 'Gates', level: 1 }));
  });

  it('asks for what has failed once, however often that is clicked', async () => {
    const run = await atGate('again');
    await beacon().database.query(`UPDATE runs SET status = 'cancelled', finished_at = now() WHERE id = $1`, [
      run,
    ]);
    const page = await tabs.at(`/runs/${run}`, keys.customer);
    const sent = requestsOf(page, /\/retry-failed$/);
    await clickTwice(page.getByRole('button', { name: 'Retry failed' }));
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    expect(sent()).toBe(1);
  });

  it('pauses an endpoint with a reason, shows it, and takes it back', async () => {
    const page = await tabs.at('/queue', keys.operator);
    const endpoint = page.getByRole('row', { name: /^US-m / });
    await endpoint.getByRole('button', { name: 'Pause' }).click();
    await page.getByLabel('Reason').fill('answers in the wrong language');
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await endpoint.getByText('answers in the wrong language').waitFor();
    await endpoint.getByText('■ paused').waitFor();
    await expectFocus(page.getByRole('region', { name: 'Endpoints in US' }));
    await page.getByRole('row', { name: /^Pause of endpoint US-m/ }).waitFor();
    await expectGood(page, 'queue-paused');
    await page.getByRole('button', { name: /^Undo .*Paused US-m/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
    await page.getByText('Everything is as configured').waitFor();
    await endpoint.getByText('○ cold').waitFor();
  });

  it('says what came of it where somebody else was faster, and takes back once what is clicked twice', async () => {
    const client = beacon().client.as(keys.operator);
    const paused = async (): Promise<number> =>
      (await client.request<{ change_id: number }>('/endpoints/US-m/pause', { json: {} })).body.change_id;
    const faster = await paused();
    const page = await tabs.at('/queue', keys.operator);
    const inForce = page.getByRole('region', { name: 'What is in force and not as configured' });
    const dialog = page.getByRole('dialog');
    const takeBack = dialog.getByRole('button', { name: 'Take back' });
    await inForce.getByRole('button', { name: `Undo change ${faster}` }).click();
    await dialog.waitFor();
    await client.request(`/operations/changes/${faster}/undo`, { json: {} });
    // The list goes, and the dialog stays.
    await page.getByText('Everything is as configured').waitFor();
    await takeBack.click();
    await page
      .getByRole('alert')
      .getByText(`Change ${faster} cannot be taken back any more: change `)
      .waitFor();
    await expectFocus(page.getByRole('heading', { name: 'Not as configured' }));
    await expectGood(page, 'queue-overtaken');

    const once = await paused();
    const sent = requestsOf(page, /\/undo$/);
    await inForce.getByRole('button', { name: `Undo change ${once}` }).click();
    await clickTwice(takeBack);
    await page.getByText(`Took back change ${once}: Pause of endpoint US-m.`, { exact: true }).waitFor();
    expect(sent()).toBe(1);
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.getByText('Everything is as configured').waitFor();
  });

  it('shows what dead letters have in common, redrives one, and says how many are discarded before they are', async () => {
    const client = beacon().client.as(keys.customer);
    for (const prompt of ['one', 'two', 'three']) {
      beacon().upstream.next('US/n', (call) =>
        call.respond(200, { status: 'error', error: `choked on ${prompt}` }),
      );
      const { job_id: job } = await client.queue({ model: 'n', prompt });
      await client.untilJob(job, 'failed');
    }
    const page = await tabs.at('/dead-letters', keys.operator);
    const groups = page.getByRole('region', { name: 'Open dead letters by what they have in common' });
    await groups.getByRole('row', { name: /MODEL_ERROR n US 3 3/ }).waitFor();
    await groups.getByRole('button', { name: 'Show' }).click();
    const list = page.getByRole('region', { name: 'Dead letters, the latest first' });
    await list.getByText('MODEL_ERROR').nth(2).waitFor();
    await expectGood(page, 'dead-letters');
    await expectOneLine(page, 'dead-letters');
    await list.getByRole('link').last().click();
    await page.getByRole('heading', { name: 'Dead letter', exact: true }).waitFor();
    await page.getByRole('row', { name: /^1 US US-n ✕? ?failed MODEL_ERROR/ }).waitFor();
    await page.getByRole('button', { name: 'Redrive' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Redrive' }).click();
    const told = await page.getByText('Redriven as job').innerText();
    await expectGood(page, 'dead-letter');
    await client.untilJob(/job (\S+)\.$/.exec(told)![1]!, 'completed');

    await page.getByRole('link', { name: 'All dead letters' }).click();
    await page.getByRole('button', { name: 'Discard 2 open' }).click();
    const dialog = page.getByRole('dialog', { name: 'Discard 2 letters?' });
    await dialog.getByLabel('Reason').fill('asked by mistake');
    await dialog.getByRole('button', { name: 'Discard 2 letters' }).click();
    await page.getByText('2 discarded.').waitFor();
    await page.getByText('There are none').waitFor();
    // What opened it is there, and cannot be pressed any more.
    await expectFocus(page.getByRole('heading', { name: 'Dead letters', level: 1 }));
  });

  it('shows the ledger to those with the role alone, and gives it out as a table', async () => {
    const denied = await tabs.at('/ledger', keys.operator);
    await denied.getByText('This key may not read the ledger').waitFor();
    const page = await tabs.at('/ledger', keys.admin);
    const sums = page.getByRole('region', { name: 'Costs by day (utc)' });
    await sums.getByRole('row').nth(1).waitFor();
    await page.getByLabel('Sum up by').selectOption('Model');
    await page.getByRole('region', { name: 'Costs by model' }).getByRole('button', { name: /^n/ }).click();
    await until(
      'the filter says so',
      async () => (await page.getByLabel('Model', { exact: true }).inputValue()) === 'n',
    );
    const entries = page.getByRole('region', { name: 'Entries, the latest first' });
    await entries.getByText('MODEL_ERROR').first().waitFor();
    await expectGood(page, 'ledger');
    await expectOneLine(page, 'ledger');
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download as CSV' }).click(),
    ]);
    const rows = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
    expect(rows[0]).toMatch(/^entry_no,kind/);
    expect(rows.length).toBeGreaterThan(4);
    expect(rows.slice(1).every((row) => row.includes(',n,US,'))).toBe(true);
  });

  it('fits a narrow screen', async () => {
    const page = await tabs.at('/compose', keys.admin);
    await page.setViewportSize({ width: 400, height: 800 });
    // Each with what it shows once all of it is read.
    const shown = {
      compose: page.getByRole('checkbox', { name: 'ASIA', exact: true }),
      gates: page.getByText('No run waits for a word'),
      batches: page.getByText('There are no files'),
      queue: page.getByRole('heading', { name: 'ASIA', exact: true }),
      'dead-letters': page.getByText('There are none'),
      ledger: page.getByRole('region', { name: 'Entries, the latest first' }),
    };
    for (const [place, content] of Object.entries(shown)) {
      await page.goto(`${beacon().url}/#/${place}`);
      await content.waitFor();
      await takePicture(page, `narrow-${place}`);
      await expectFits(page, place);
    }
  });
}

/** Before the page has drawn what the first click does. */
async function clickTwice(button: Locator): Promise<void> {
  await button.evaluate((element: { readonly click: () => void }) => {
    element.click();
    element.click();
  });
}

/** @returns how many requests were sent there since */
function requestsOf(page: Page, address: RegExp): () => number {
  let count = 0;
  page.on('request', (request) => {
    if (address.test(request.url())) count += 1;
  });
  return () => count;
}

/** Something that others wait for until it is given. */
function aSignal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
}
