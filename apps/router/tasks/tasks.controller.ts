import { Body, Controller, Delete, Get, Headers, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import type {
  CharterView,
  taskAcceptedSchema,
  taskCancelSchema,
  taskListSchema,
  taskSchema,
} from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { TaskDesk } from './task-desk.js';

/** Everybody sees of a task what a customer does. */
@Controller()
export class TasksController {
  constructor(@Inject(TaskDesk) private readonly desk: TaskDesk) {}

  @Post('api/modal/execute-task')
  @HttpCode(202)
  execute(
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @From() caller: Caller,
  ): Promise<CharterView<typeof taskAcceptedSchema>> {
    return this.desk.execute(body, key, caller);
  }

  @Get('tasks')
  list(@Query() query: unknown, @From() caller: Caller): Promise<CharterView<typeof taskListSchema>> {
    return this.desk.list(query, caller);
  }

  @Get('tasks/:task_id')
  read(@Param('task_id') taskId: string, @From() caller: Caller): Promise<CharterView<typeof taskSchema>> {
    return this.desk.read(taskId, caller);
  }

  @Delete('tasks/:task_id')
  @HttpCode(202)
  cancel(
    @Param('task_id') taskId: string,
    @From() caller: Caller,
  ): Promise<CharterView<typeof taskCancelSchema>> {
    return this.desk.cancel(taskId, caller);
  }
}
