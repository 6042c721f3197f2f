const encoder = new TextEncoder();

/** The longest beginning of a text that fits into so many bytes of UTF-8 and cuts no character. */
export function textStart(text: string, bytesMax: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += encoder.encode(character).length;
    if (bytes > bytesMax) return text.slice(0, end);
    end += character.length;
  }
  return text;
}
