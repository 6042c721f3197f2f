import { Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { accountReport, callsReport } from '../account/account-report.js';
import { StandIn } from '../stand-in.js';

/** The stand-in's own books. */
@Controller('_stand-in/account')
export class AccountController {
  constructor(@Inject(StandIn) private readonly standIn: StandIn) {}

  @Get()
  report(): unknown {
    return accountReport(this.standIn.account);
  }

  @Get('calls')
  calls(
    @Query('endpoint') endpoint?: string,
    @Query('key') key?: string,
    @Query('job_id') jobId?: string,
    @Query('outcome') outcome?: string,
  ): unknown {
    return callsReport(this.standIn.account, { endpoint, key, jobId, outcome });
  }

  @Post('reset')
  @HttpCode(200)
  reset(): unknown {
    this.standIn.account.reset();
    return { reset: true };
  }
}
