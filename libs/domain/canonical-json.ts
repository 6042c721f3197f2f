/**
 * The one text of a JSON value, by RFC 8785 (JCS): no white space, names sorted by their UTF-16 code units, numbers
 * and strings as ECMAScript prints them. What is signed is this text, so that everybody gets the same bytes.
 * @throws TypeError for what is no JSON: undefined, NaN, a lone surrogate
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new TypeError('a lone surrogate has no canonical form');
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical form`);
      return JSON.stringify(value);
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
      return objectText(value as Readonly<Record<string, unknown>>);
    case 'undefined':
    case 'bigint':
    case 'symbol':
    case 'function':
      throw new TypeError(`a value of type ${typeof value} has no canonical form`);
  }
}

function objectText(value: Readonly<Record<string, unknown>>): string {
  let text = '{';
  // Without a comparison of its own, sort() goes by UTF-16 code units.
  for (const name of Object.keys(value).sort()) {
    text += `${text === '{' ? '' : ','}${canonicalJson(name)}:${canonicalJson(value[name])}`;
  }
  return `${text}}`;
}
