import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Receipt, SignedReceipt } from '#contracts';
import type { Command } from 'commander';
import { CommandError, messageOf } from '../command-error.js';
import { EXIT_INVALID, EXIT_NO_INPUT, EXIT_OK, EXIT_USAGE } from '../exit-codes.js';
import { checkResults } from '../receipts/check-results.js';
import { pinnedKeyOf } from '../receipts/public-key.js';
import { verifyReceipt } from '../receipts/verify-receipt.js';
import { writeLines } from '../terminal/output.js';

interface VerifyReceiptOptions {
  readonly key?: string;
  readonly results?: string;
  readonly json?: boolean;
}

const DESCRIPTION =
  'check a saved answer of GET /runs/{id}/receipt, without a server: that no byte has been changed since it was ' +
  'signed, that every cell is there once, and that all figures follow from what is listed';

/** More would tell no more. */
const FAULTS_SHOWN = 20;

export function registerVerifyReceipt(program: Command, setExitCode: (code: number) => void): void {
  describeVerification(program.command('verify-receipt'), setExitCode);
}

export function describeVerification(command: Command, setExitCode: (code: number) => void): void {
  command
    .description(DESCRIPTION)
    .argument('<file>', 'the receipt, byte by byte as the server sent it')
    .option(
      '--key <key>',
      'the public key to trust: a file (saved answer of GET /receipts/key, or PEM), or its base64',
    )
    .option('--results <file>', 'also hold the answers of this file (json or jsonl) against the receipt')
    .option('--json', 'print the verdict as a document: {"holds","faults","run_id","status","counts"}')
    .allowExcessArguments(false)
    .action(async (file: string, options: VerifyReceiptOptions) => setExitCode(await verify(file, options)));
}

async function verify(file: string, { key, results, json }: VerifyReceiptOptions): Promise<number> {
  const pinned = key === undefined ? undefined : await readKey(key);
  const { document, faults } = verifyReceipt(await read(file), pinned);
  const all =
    results === undefined || document === undefined
      ? faults
      : faults.concat(checkResults(document.receipt, (await read(results)).toString('utf8')));
  if (json === true) {
    writeLines([JSON.stringify(verdictOf(document, all))]);
    return all.length === 0 ? EXIT_OK : EXIT_INVALID;
  }
  if (document === undefined || all.length > 0) {
    const shown = all.slice(0, FAULTS_SHOWN).map((fault) => `- ${fault}`);
    const more = all.length > FAULTS_SHOWN ? [`- and ${all.length - FAULTS_SHOWN} more`] : [];
    process.stdout.write(`${[...shown, ...more].join('\n')}\n`);
    const faultCount = `${all.length} ${all.length === 1 ? 'fault' : 'faults'}`;
    throw new CommandError(`${file} does not hold: ${faultCount}, listed above`, EXIT_INVALID);
  }
  process.stdout.write(`${summaryLines(document, pinned !== undefined, results !== undefined).join('\n')}\n`);
  return EXIT_OK;
}

function verdictOf(document: SignedReceipt | undefined, faults: readonly string[]): object {
  const { run, counts } = document?.receipt ?? {};
  return {
    ...{ holds: faults.length === 0, faults },
    ...{ run_id: run?.run_id ?? null, status: run?.status ?? null, counts: counts ?? null },
  };
}

function summaryLines(
  { receipt, signature }: SignedReceipt,
  isPinned: boolean,
  hasResults: boolean,
): string[] {
  const { run, counts, issued_at: issuedAt } = receipt;
  return [
    `The receipt holds: run ${run.run_id}${run.name === '' ? '' : ` ${JSON.stringify(run.name)}`}, issued ${issuedAt}.`,
    receipt.ended
      ? `The run has ended: ${run.status}.`
      : `The run had NOT ended: it was ${run.status}. What came later is not in this receipt.`,
    cellsLine(receipt),
    `${counts.attempts} attempts of ${counts.jobs} jobs; ${counts.answers_not_taken} answers not taken, ` +
      `${counts.stray_outcomes} stray outcomes.`,
    ...(hasResults ? ['The results hold the answers that were signed.'] : []),
    isPinned
      ? `Signed with the key that was given, ${signature.key_id}.`
      : `Signed with key ${signature.key_id}, which the receipt itself names: to know whose it is, give it with --key.`,
  ];
}

function cellsLine({ counts }: Receipt): string {
  return (
    `${counts.cells} cells: ${counts.answered} answered by their own region, ` +
    `${counts.substituted} by another, ${counts.missing} missing.`
  );
}

/** A file of that name goes before a key that is written like it. */
async function readKey(given: string): Promise<string> {
  const text = existsSync(given) ? (await read(given)).toString('utf8') : given;
  try {
    return pinnedKeyOf(text);
  } catch (error) {
    throw new CommandError(
      `--key is neither a file that can be read nor an Ed25519 public key in base64`,
      EXIT_USAGE,
      { cause: error },
    );
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${messageOf(error)}`, EXIT_NO_INPUT, { cause: error });
  }
}
