import { useId, useState, type ReactNode } from 'react';
import { THEMES, chosenTheme, keepTheme, type Theme } from './theme.js';

const LABELS: Readonly<Record<Theme, string>> = { system: 'As the system', light: 'Light', dark: 'Dark' };

export function ThemeChoice(): ReactNode {
  const [theme, setTheme] = useState(chosenTheme);
  const id = useId();
  return (
    <span className="field-inline">
      <label htmlFor={id}>Theme</label>
      <select
        id={id}
        value={theme}
        onChange={({ target }) => {
          const next = THEMES.find((each) => each === target.value) ?? 'system';
          keepTheme(next);
          setTheme(next);
        }}
      >
        {THEMES.map((each) => (
          <option key={each} value={each}>
            {LABELS[each]}
          </option>
        ))}
      </select>
    </span>
  );
}
