import { Module, type DynamicModule } from '@nestjs/common';
import { AccountController } from './control/account.controller.js';
import { DeploymentsController } from './control/deployments.controller.js';
import { FaultsController } from './control/faults.controller.js';
import { StandInController } from './control/stand-in.controller.js';
import { StandIn } from './stand-in.js';

@Module({})
export class StandInModule {
  static around(standIn: StandIn): DynamicModule {
    return {
      module: StandInModule,
      controllers: [FaultsController, AccountController, DeploymentsController, StandInController],
      providers: [{ provide: StandIn, useValue: standIn }],
    };
  }
}
