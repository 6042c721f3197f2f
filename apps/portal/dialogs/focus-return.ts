/** Signs that the reader has gone on to something else. */
const GONE_ON = ['focusin', 'pointerdown', 'wheel', 'keydown'];

/**
 * Where the focus goes when a dialog is over: back to what opened it. The browser does that only for a dialog that is still in
 * the document. Often what opened it goes too, at once or when its list is read again, and the focus would fall to the
 * body: then the list takes it, or the heading above, whichever is nearest and left.
 * @returns to be called when the dialog is closed
 */
export function rememberFocus(): () => void {
  const opener = document.activeElement;
  if (!(opener instanceof HTMLElement) || opener === document.body) return () => undefined;
  // Taken while it is there: what has gone has nothing around it.
  const around = ancestorsOf(opener);
  const isLost = (): boolean => !opener.isConnected || opener.matches(':disabled');
  return () => {
    if (isLost()) {
      focusNearest(around);
      return;
    }
    opener.focus();
    const watch = new MutationObserver(() => {
      if (!isLost()) return;
      stop();
      focusNearest(around);
    });
    const stop = (): void => {
      watch.disconnect();
      for (const sign of GONE_ON) document.removeEventListener(sign, stop);
    };
    watch.observe(document.body, { subtree: true, childList: true, attributeFilter: ['disabled'] });
    for (const sign of GONE_ON) document.addEventListener(sign, stop, { passive: true });
  };
}

function ancestorsOf(element: Element): readonly Element[] {
  const found: Element[] = [];
  for (let at = element.parentElement; at !== null; at = at.parentElement) found.push(at);
  return found;
}

/** @param places the nearest first */
function focusNearest(places: readonly Element[]): void {
  for (const place of places) {
    if (!place.isConnected) continue;
    // A list that scrolls takes the focus itself, and says what it lists.
    const target = place.matches('[tabindex="0"]') ? place : place.querySelector('h1, h2');
    if (!(target instanceof HTMLElement)) continue;
    if (!target.hasAttribute('tabindex')) target.tabIndex = -1;
    target.focus();
    return;
  }
}
