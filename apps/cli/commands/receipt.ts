import type { Command } from 'commander';
import { download, withRouterOptions, type RouterOptions } from '../router-api.js';
import { deliver } from '../terminal/output.js';
import { describeVerification } from './verify-receipt.js';

interface GetOptions extends RouterOptions {
  readonly output?: string;
}

/** `beacon receipt get|key|verify`; `beacon verify-receipt` is the last of them by its older name. */
export function registerReceipt(program: Command, setExitCode: (code: number) => void): void {
  const group = program.command('receipt').description('what a run did, signed: every cell, every attempt');
  withRouterOptions(
    group
      .command('get')
      .description('fetch the receipt of a run, byte by byte as it was signed')
      .argument('<run_id>')
      .option('--output <file>', 'write it there (default: stdout)'),
  ).action(async (id: string, options: GetOptions) => {
    const receipt = await download(options, (router) =>
      router.GET('/runs/{id}/receipt', { params: { path: { id } }, parseAs: 'stream' }),
    );
    await deliver(receipt, options.output);
  });
  withRouterOptions(
    group
      .command('key')
      .description('fetch the public key that receipts are signed with')
      .option('--output <file>', 'write it there (default: stdout)'),
  ).action(async (options: GetOptions) => {
    const key = await download(options, (router) => router.GET('/receipts/key', { parseAs: 'stream' }));
    await deliver(key, options.output);
  });
  describeVerification(group.command('verify'), setExitCode);
}
