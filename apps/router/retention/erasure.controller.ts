import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import type { JobErasedView, RunErasedView, TenantErasedView } from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { Erasure } from './erasure.js';

@Controller()
export class ErasureController {
  constructor(@Inject(Erasure) private readonly erasure: Erasure) {}

  @Post('inference/:job_id/erase')
  @HttpCode(200)
  job(@Param('job_id') id: string, @From() caller: Caller): Promise<JobErasedView> {
    return this.erasure.job(id, caller);
  }

  @Post('runs/:id/erase')
  @HttpCode(200)
  run(@Param('id') id: string, @From() caller: Caller): Promise<RunErasedView> {
    return this.erasure.run(id, caller);
  }

  @Post('tenants/:tenant/erase')
  @HttpCode(200)
  tenant(
    @Param('tenant') tenant: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<TenantErasedView> {
    return this.erasure.tenant(tenant, body, caller);
  }
}
