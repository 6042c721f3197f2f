import { Controller, Get, Inject, Param } from '@nestjs/common';
import {
  ProblemError,
  charterView,
  openAiModel,
  openAiModelListSchema,
  openAiModelSchema,
  openAiErrorOf,
  pinnedName,
  type CharterView,
} from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { Endpoints } from '../engine/endpoints.js';
import { notInRegion } from '../jobs/job-placement.js';
import { namedModel } from './named-model.js';
import { OpenAiFailure } from './refusals.js';

/** The models that a caller may ask, each in any region and pinned to one. Everybody sees the same form of it. */
@Controller('v1/models')
export class ModelsController {
  constructor(@Inject(Endpoints) private readonly endpoints: Endpoints) {}

  @Get()
  list(@From() caller: Caller): CharterView<typeof openAiModelListSchema> {
    const ids = this.modelsOf(caller).flatMap((model) => [
      model,
      ...this.regionsOf(model, caller).map((region) => pinnedName(model, region)),
    ]);
    return charterView(openAiModelListSchema, { object: 'list', data: ids.map(openAiModel) });
  }

  @Get(':model')
  read(@Param('model') name: string, @From() caller: Caller): CharterView<typeof openAiModelSchema> {
    const { model, region } = namedModel(name, this.endpoints, caller.limits);
    const serving = this.modelsOf(caller).includes(model) ? this.regionsOf(model, caller) : [];
    const isThere = serving.length > 0 && (region === undefined || serving.includes(region));
    if (isThere) return charterView(openAiModelSchema, openAiModel(name));
    if (serving.length > 0 && region !== undefined && isAllowed(region, caller)) {
      // The same words as for who asks it, but of a resource that is not there.
      const refusal = openAiErrorOf(notInRegion('model', model, region, serving));
      throw new OpenAiFailure({ ...refusal, status: 404 });
    }
    throw new ProblemError('UNKNOWN_MODEL', `model: no endpoint serves "${name.slice(0, 130)}"`, [
      { field: 'model', message: 'is not one of GET /v1/models' },
    ]);
  }

  private modelsOf(caller: Caller): string[] {
    const { models: allowed } = caller.limits;
    return [...this.endpoints.models].filter(
      (model) =>
        (allowed === undefined || allowed.includes(model)) && this.regionsOf(model, caller).length > 0,
    );
  }

  private regionsOf(model: string, caller: Caller): string[] {
    return this.endpoints.regionsServing(model).filter((region) => isAllowed(region, caller));
  }
}

function isAllowed(region: string, { limits: { regions } }: Caller): boolean {
  return regions === undefined || regions.includes(region);
}
