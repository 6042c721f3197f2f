const NAME = 'beacon.key';

/** The part of `sessionStorage` that is used. */
export interface KeyStore {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

/** The key that was given in this tab; it goes with the tab. Where nothing may be stored, it lives as long as the page. */
export function storedKey(store: () => KeyStore): {
  readonly read: () => string | undefined;
  readonly write: (key: string | undefined) => void;
} {
  return {
    read: () => {
      try {
        return store().getItem(NAME) ?? undefined;
      } catch {
        return undefined;
      }
    },
    write: (key) => {
      try {
        if (key === undefined) store().removeItem(NAME);
        else store().setItem(NAME, key);
      } catch {
        // The page has it in its state.
      }
    },
  };
}
