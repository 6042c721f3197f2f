export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const NAME = 'beacon.theme';

/** @returns what was chosen in this browser; `system` where nothing was */
export function chosenTheme(): Theme {
  try {
    const stored = window.localStorage.getItem(NAME);
    return THEMES.find((theme) => theme === stored) ?? 'system';
  } catch {
    return 'system';
  }
}

export function applyTheme(theme: Theme): void {
  const { style } = document.documentElement;
  // Every colour of the page follows from this one property.
  if (theme === 'system') style.removeProperty('color-scheme');
  else style.setProperty('color-scheme', theme);
}

export function keepTheme(theme: Theme): void {
  applyTheme(theme);
  try {
    if (theme === 'system') window.localStorage.removeItem(NAME);
    else window.localStorage.setItem(NAME, theme);
  } catch {
    // It holds as long as the page.
  }
}
