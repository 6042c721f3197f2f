import { Controller, Get, Header, Inject, Req } from '@nestjs/common';
import { beaconConfigurationYaml } from '../configuration/beacon-configuration.js';
import { StandIn } from '../stand-in.js';

/** The part of a request this controller looks at. */
interface Addressed {
  readonly protocol: string;
  readonly host: string;
}

/** What the stand-in says about itself. */
@Controller('_stand-in')
export class StandInController {
  constructor(@Inject(StandIn) private readonly standIn: StandIn) {}

  @Get('health')
  health(): unknown {
    return { status: 'healthy', endpoints: this.standIn.deployments.endpoints.length };
  }

  @Get('containers')
  containers(): unknown {
    const { simulation, clock } = this.standIn;
    return {
      gpus: { used: simulation.gpus.used, limit: simulation.gpus.cap },
      container_quota: { used: simulation.gpus.containersUsed, limit: simulation.gpus.containers },
      containers: [...simulation.pools].flatMap(({ containers }) =>
        [...containers].map((container) => ({
          container_id: container.id,
          endpoint: container.endpoint.id,
          region: container.endpoint.region,
          gpu: container.endpoint.gpu,
          state: container.state,
          age_s: Math.round(clock.now() - container.createdMs) / 1000,
          inputs: container.inputs.size,
          inputs_started: container.inputsStarted,
        })),
      ),
      queued: Object.fromEntries([...simulation.pools].map(({ endpoint, queued }) => [endpoint.id, queued])),
    };
  }

  @Get('beacon.yaml')
  @Header('content-type', 'application/yaml; charset=utf-8')
  beaconConfiguration(@Req() { protocol, host }: Addressed): string {
    const { configuration, deployments } = this.standIn;
    return beaconConfigurationYaml(configuration, `${protocol}://${host}`, deployments.endpoints);
  }
}
