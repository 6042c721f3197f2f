import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { faultSchema, type FaultSpecification } from '../faults/fault-schema.js';
import { StandIn } from '../stand-in.js';
import { StandInProblem, fieldErrors, type FieldError } from './problem.js';

/** Switches faults on and off while the stand-in runs. */
@Controller('_stand-in/faults')
export class FaultsController {
  constructor(@Inject(StandIn) private readonly standIn: StandIn) {}

  @Post()
  @HttpCode(201)
  add(@Body() body: unknown): unknown {
    const { faults, clock } = this.standIn;
    const fault = faults.add(this.#parse(body));
    return { fault: fault.toJson(clock.now()) };
  }

  @Get()
  list(): unknown {
    const { faults, clock } = this.standIn;
    return { faults: faults.list().map((fault) => fault.toJson(clock.now())) };
  }

  @Delete()
  clear(): unknown {
    return { removed: this.standIn.faults.clear() };
  }

  @Delete(':id')
  remove(@Param('id') id: string): unknown {
    if (!this.standIn.faults.remove(id)) throw new StandInProblem(404, 'FAULT_NOT_FOUND', `No fault "${id}"`);
    return { removed: 1 };
  }

  #parse(body: unknown): FaultSpecification {
    const parsed = faultSchema.safeParse(body);
    if (!parsed.success) {
      throw invalidFault(fieldErrors(parsed.error, 'is not a field of this kind of fault'));
    }
    const { endpoint, region } = parsed.data;
    const endpoints = [...this.standIn.deployments.all].map(({ settings }) => settings);
    const errors: FieldError[] = [];
    if (endpoint !== undefined && !endpoints.some(({ id }) => id === endpoint)) {
      errors.push({
        field: 'endpoint',
        message: `must be one of ${endpoints.map(({ id }) => id).join(', ')}`,
      });
    }
    const regions = [...new Set(endpoints.map((known) => known.region))];
    if (region !== undefined && !regions.includes(region)) {
      errors.push({ field: 'region', message: `must be one of ${regions.join(', ')}` });
    }
    if (errors.length > 0) throw invalidFault(errors);
    return parsed.data;
  }
}

function invalidFault(errors: readonly FieldError[]): StandInProblem {
  return new StandInProblem(400, 'INVALID_FAULT', 'This is not a fault', errors);
}
