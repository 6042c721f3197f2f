import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from './browser.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string | null;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

/** The rules whose verdict depends on the theme. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];
/** And those whose verdict depends on how wide it is. */
const LAYOUT_RULES = ['scrollable-region-focusable', 'target-size', ...COLOUR_RULES];

/** @returns what axe finds serious or critical: the rule, and where; nothing where all is well */
export function seriousFaults(page: Page): Promise<string[]> {
  return faultsBy(page, {});
}

/**
 * The same by the rules of colour alone: for the other theme of a view that was looked at in full. What else axe looks
 * at is in the document, which is the same in both, and all of it takes ten times as long.
 */
export function colourFaults(page: Page): Promise<string[]> {
  return faultsBy(page, { runOnly: COLOUR_RULES });
}

/** By the rules of layout and colour: for another width. */
export function layoutFaults(page: Page): Promise<string[]> {
  return faultsBy(page, { runOnly: LAYOUT_RULES });
}

async function faultsBy(page: Page, rules: { readonly runOnly?: readonly string[] }): Promise<string[]> {
  // Not by a script element: the page's own policy holds for the test, too.
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(await readFile(AXE, 'utf8'));
  const options = JSON.stringify({ resultTypes: ['violations'], preload: false, ...rules });
  const { violations } = await page.evaluate<AxeResult>(`axe.run(document, ${options})`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) =>
      nodes.slice(0, 3).map(({ html, failureSummary = '' }) => `${id}: ${help}\n${html}\n${failureSummary}`),
    );
}
