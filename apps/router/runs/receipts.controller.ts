import { Readable } from 'node:stream';
import type { ReceiptKeyView } from '#contracts';
import { canonicalJson, type Caller } from '#domain';
import { Database } from '#persistence';
import { Controller, Get, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { charterStream } from '../charter/charter-stream.js';
import { ReceiptDesk } from './receipt-desk.js';
import { ReceiptSigner } from './receipt-signer.js';
import { runIdOf } from './run-id.js';
import { RunReader } from './run-reader.js';
import { writeReceipt } from './write-receipt.js';

/** A reader that takes longer must not keep others from theirs. */
const SEND_MAX_MS = 300_000;
const PIECE_BYTES = 1_048_576;

@Controller()
export class ReceiptsController {
  constructor(
    private readonly database: Database,
    private readonly reader: RunReader,
    private readonly signer: ReceiptSigner,
    private readonly desk: ReceiptDesk,
    private readonly policy: CharterPolicy,
  ) {}

  @Get('receipts/key')
  key(): Promise<ReceiptKeyView> {
    return this.signer.keys();
  }

  /** The whole answer is in canonical form, so that every byte of a saved file counts. */
  @Get('runs/:id/receipt')
  async receipt(@Param('id') id: string, @From() caller: Caller, @Res() reply: FastifyReply): Promise<void> {
    const { operations } = this.policy.faceOf(caller);
    const run = await this.reader.find(runIdOf(id));
    const release = await this.desk.take(run.totalCells);
    // Whoever waited for a turn may have gone meanwhile.
    if (reply.raw.destroyed) return release();
    try {
      const receipt = await writeReceipt(operations ? this.database : this.reader.charter, run.id);
      const signature = await this.signer.sign(receipt);
      const parts = [
        Buffer.from('{"receipt":'),
        receipt,
        Buffer.from(`,"signature":${canonicalJson(signature)}}`),
      ];
      if (reply.raw.destroyed) return release();
      const tooSlow = setTimeout(() => reply.raw.destroy(), SEND_MAX_MS);
      tooSlow.unref();
      reply.raw.once('close', () => {
        clearTimeout(tooSlow);
        release();
      });
      void reply
        .type('application/json; charset=utf-8')
        .header(
          'content-length',
          parts.reduce((sum, { length }) => sum + length, 0),
        )
        .send(operations ? Readable.from(pieces(parts)) : charterStream(pieces(parts)));
    } catch (error) {
      release();
      throw error;
    }
  }
}

function* pieces(parts: readonly Buffer[]): Generator<Buffer, void, undefined> {
  for (const part of parts)
    for (let start = 0; start < part.length; start += PIECE_BYTES)
      yield part.subarray(start, start + PIECE_BYTES);
}
