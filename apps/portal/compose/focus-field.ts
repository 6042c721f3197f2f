/**
 * Puts the focus where a field is filled in; one that has no place of its own leads to what it is a part of, and one
 * whose controls are not there yet to the section (`data-fields`) that will hold them.
 * @param field as the API names it: `questions[2].text`
 */
export function focusField(field: string): void {
  for (let name = field; name !== ''; name = partOf(name)) {
    const place =
      placeOf(`[data-field="${CSS.escape(name)}"]`) ??
      placeOf(`[data-field^="${CSS.escape(name)}."]`) ??
      placeOf(`[data-fields~="${CSS.escape(name)}"]`);
    if (place === null) continue;
    for (let at = place.closest('details'); at !== null; at = at.parentElement?.closest('details') ?? null)
      at.open = true;
    // Of a question, its text.
    const control =
      place.querySelector<HTMLElement>('textarea') ??
      place.querySelector<HTMLElement>('input, select, button') ??
      // Its controls are still to come.
      place;
    control.focus();
    return;
  }
}

/** @returns what a field is a part of; empty: of nothing, or its name is none of a field */
function partOf(name: string): string {
  const whole = name.replace(/(\.[^.[\]]*|\[[^[\]]*\]|^[^.[\]]*)$/, '');
  return whole === name ? '' : whole;
}

function placeOf(selector: string): HTMLElement | null {
  return document.querySelector<HTMLElement>(selector);
}
