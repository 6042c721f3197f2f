import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CharterView, fileDeletedSchema, fileListSchema, fileSchema } from '#contracts';
import type { Caller } from '#domain';
import { From } from '../../access/caller.js';
import { charterStream } from '../../charter/charter-stream.js';
import { dropBody } from '../../http/refused-early.js';
import { FileDesk } from './file-desk.js';

/** Everybody sees of a file what a customer does. */
@Controller('v1/files')
export class FilesController {
  constructor(@Inject(FileDesk) private readonly desk: FileDesk) {}

  @Post()
  @HttpCode(200)
  async upload(
    @Req() request: FastifyRequest,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CharterView<typeof fileSchema>> {
    try {
      return await this.desk.upload(request.raw, caller);
    } catch (error) {
      // A client that is still sending would not see why it was refused.
      if (!request.raw.complete) {
        void reply.header('connection', 'close');
        await dropBody(request.raw);
      }
      throw error;
    }
  }

  @Get()
  list(@Query() query: unknown, @From() caller: Caller): Promise<CharterView<typeof fileListSchema>> {
    return this.desk.list(query, caller);
  }

  @Get(':file_id')
  read(@Param('file_id') id: string): Promise<CharterView<typeof fileSchema>> {
    return this.desk.read(id);
  }

  @Get(':file_id/content')
  async content(@Param('file_id') id: string, @Res() reply: FastifyReply): Promise<void> {
    const file = await this.desk.find(id);
    void reply
      .type('application/octet-stream')
      .header('content-length', String(file.bytes))
      .header('content-disposition', `attachment; filename*=UTF-8''${encoded(file.filename)}`)
      // What callers and models wrote is theirs; the error file's own words are the charter's.
      .send(charterStream(this.desk.content(file)));
  }

  @Delete(':file_id')
  delete(
    @Param('file_id') id: string,
    @From() caller: Caller,
  ): Promise<CharterView<typeof fileDeletedSchema>> {
    return this.desk.delete(id, caller);
  }
}

/** RFC 8187. */
function encoded(filename: string): string {
  return encodeURIComponent(filename).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
