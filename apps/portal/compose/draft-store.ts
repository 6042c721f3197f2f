import { EMPTY_DRAFT, newDraft, type Draft } from './draft.js';
import type { TextStore } from './start-key.js';

const NAME = 'beacon.compose.draft';
/** Fields join drafts as the page changes: a stored one of another version is not taken for today's. */
const VERSION = 1;

/** The draft of this tab, kept while the page is elsewhere or is loaded again. */
export function readDraft(store: () => TextStore): Draft {
  try {
    const stored: unknown = JSON.parse(store().getItem(NAME) ?? 'null');
    if (typeof stored !== 'object' || stored === null) return newDraft();
    const { version, draft } = stored as { version?: unknown; draft?: unknown };
    // Only this page writes it, and the version says in which form.
    return version === VERSION ? { ...EMPTY_DRAFT, ...(draft as Draft) } : newDraft();
  } catch {
    return newDraft();
  }
}

/** @returns whether it could be kept */
export function keepDraft(store: () => TextStore, draft: Draft): boolean {
  try {
    store().setItem(NAME, JSON.stringify({ version: VERSION, draft }));
    return true;
  } catch {
    return false;
  }
}
