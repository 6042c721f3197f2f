import type { Database } from '#persistence';

/** Whoever has a ticket counts as heard a moment ago, however slowly a spec goes on. @returns what ends that */
export async function neverSilent(database: Database): Promise<() => Promise<void>> {
  await database.query(`
    CREATE FUNCTION never_silent() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.seen_at = clock_timestamp() + interval '1 hour';
      RETURN NEW;
    END $$`);
  await database.query(
    'CREATE TRIGGER never_silent BEFORE INSERT OR UPDATE ON slots FOR EACH ROW EXECUTE FUNCTION never_silent()',
  );
  return async () => {
    await database.query('DROP FUNCTION never_silent CASCADE');
  };
}
