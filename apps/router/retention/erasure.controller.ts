import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import type {
  CharterView,
  JobErasedView,
  RunErasedView,
  TenantErasedView,
  charterJobErasedSchema,
  charterRunErasedSchema,
} from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { charterJobErased, charterRunErased } from '../charter/erasure-face.js';
import { Erasure } from './erasure.js';

@Controller()
export class ErasureController {
  constructor(
    @Inject(Erasure) private readonly erasure: Erasure,
    @Inject(CharterPolicy) private readonly policy: CharterPolicy,
  ) {}

  @Post('inference/:job_id/erase')
  @HttpCode(200)
  async job(
    @Param('job_id') id: string,
    @From() caller: Caller,
  ): Promise<JobErasedView | CharterView<typeof charterJobErasedSchema>> {
    const erased = await this.erasure.job(id, caller);
    return this.policy.reply(
      caller,
      () => erased,
      () => charterJobErased(erased),
    );
  }

  @Post('runs/:id/erase')
  @HttpCode(200)
  async run(
    @Param('id') id: string,
    @From() caller: Caller,
  ): Promise<RunErasedView | CharterView<typeof charterRunErasedSchema>> {
    const erased = await this.erasure.run(id, caller);
    return this.policy.reply(
      caller,
      () => erased,
      () => charterRunErased(erased),
    );
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
