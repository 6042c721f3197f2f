const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text can be an id of ours; Postgres refuses to look for anything else. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
