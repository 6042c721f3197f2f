import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { completeEndpoint, endpointProblems, endpointSchema } from '../configuration/endpoint-settings.js';
import { DeployError, type Deployed } from '../deployment/deployments.js';
import { StandIn } from '../stand-in.js';
import { StandInProblem, fieldErrors } from './problem.js';

const containers = z.int().min(0).max(10_000).optional();

/** Modal's `Function.update_autoscaler`, with its names. */
const autoscalerSchema = z
  .strictObject({
    min_containers: containers,
    max_containers: z.int().min(1).max(10_000).optional(),
    buffer_containers: containers,
    /** Simulated seconds. */
    scaledown_window: z.number().min(0).max(10_000_000).optional(),
  })
  .refine((given) => Object.keys(given).length > 0, 'name at least one setting');

const UNKNOWN_FIELD = 'is not a setting';

/** What `modal deploy`, `modal app stop` and `update_autoscaler` do, while the stand-in runs. */
@Controller('_stand-in')
export class DeploymentsController {
  constructor(@Inject(StandIn) private readonly standIn: StandIn) {}

  @Get('endpoints')
  list(): unknown {
    const { deployments, configuration } = this.standIn;
    return {
      web_endpoints: { used: deployments.webEndpoints.size, limit: configuration.web_endpoints_limit },
      endpoints: [...deployments.all].map((deployed) => this.#json(deployed)),
    };
  }

  /** Rules 25 and 27: a new endpoint, or a new version of the one with this id. */
  @Post('deploy')
  @HttpCode(201)
  deploy(@Body() body: unknown): unknown {
    const parsed = endpointSchema.safeParse(body);
    if (!parsed.success) throw invalid('This is no endpoint', fieldErrors(parsed.error, UNKNOWN_FIELD));
    const problems = endpointProblems(parsed.data);
    if (problems.length > 0) {
      throw invalid(
        'This is no endpoint',
        problems.map(([field, message]) => ({ field, message })),
      );
    }
    const { configuration } = this.standIn;
    return { endpoint: this.#json(this.#deploy(completeEndpoint(parsed.data, configuration))) };
  }

  /** Rule 25: the same settings again. */
  @Post('endpoints/:id/redeploy')
  @HttpCode(200)
  redeploy(@Param('id') id: string): unknown {
    return { endpoint: this.#json(this.#deploy(this.#deployed(id).settings)) };
  }

  @Post('endpoints/:id/stop')
  @HttpCode(200)
  stop(@Param('id') id: string): unknown {
    const deployed = this.#deployed(id);
    this.standIn.deployments.stop(deployed);
    return { endpoint: this.#json(deployed) };
  }

  @Delete('endpoints/:id')
  remove(@Param('id') id: string): unknown {
    this.standIn.deployments.remove(this.#deployed(id));
    return { removed: 1 };
  }

  /** Rule 24. */
  @Post('endpoints/:id/autoscaler')
  @HttpCode(200)
  updateAutoscaler(@Param('id') id: string, @Body() body: unknown): unknown {
    const deployed = this.#deployed(id);
    const parsed = autoscalerSchema.safeParse(body ?? {});
    if (!parsed.success) {
      throw invalid('These are no autoscaler settings', fieldErrors(parsed.error, UNKNOWN_FIELD));
    }
    if (deployed.isStopped) throw new StandInProblem(409, 'ENDPOINT_STOPPED', `"${id}" is stopped`);
    const { scaledown_window: windowS, ...counts } = parsed.data;
    const pool = this.standIn.simulation.pool(id);
    const problem = pool?.updateAutoscaler({ ...counts, scaledown_window_s: windowS });
    if (problem !== undefined) {
      throw invalid('These are no autoscaler settings', [{ field: '', message: problem }]);
    }
    return { endpoint: this.#json(deployed) };
  }

  #deploy(settings: Deployed['settings']): Deployed {
    try {
      return this.standIn.deployments.deploy(settings);
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      if (error.code === 'WEB_ENDPOINT_LIMIT') throw new StandInProblem(409, error.code, error.message);
      throw new StandInProblem(409, error.code, 'This cannot be deployed', [
        { field: error.field, message: error.message },
      ]);
    }
  }

  #deployed(id: string): Deployed {
    const deployed = this.standIn.deployments.get(id);
    if (deployed === undefined) throw new StandInProblem(404, 'ENDPOINT_NOT_FOUND', `No endpoint "${id}"`);
    return deployed;
  }

  #json({ settings, isStopped, version }: Deployed): unknown {
    const { isOverridden, ...autoscaler } = this.standIn.simulation.pool(settings.id)?.autoscaler ?? {
      isOverridden: false,
    };
    return {
      id: settings.id,
      state: isStopped ? 'stopped' : 'deployed',
      version,
      path: settings.path,
      web_endpoint: settings.web_endpoint,
      region: settings.region,
      models: settings.models,
      gpu: settings.gpu,
      autoscaler: { ...autoscaler, overridden: isOverridden },
    };
  }
}

function invalid(title: string, errors: ReturnType<typeof fieldErrors>): StandInProblem {
  return new StandInProblem(400, 'INVALID_DEPLOYMENT', title, errors);
}
