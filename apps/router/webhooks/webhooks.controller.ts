import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import type {
  RedeliveredView,
  WebhookDeliveryDetailsView,
  WebhookDeliveryListView,
  WebhookDeliveryView,
} from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { WebhookDeliveries } from './webhook-deliveries.js';

@Controller('webhook-deliveries')
export class WebhooksController {
  constructor(@Inject(WebhookDeliveries) private readonly deliveries: WebhookDeliveries) {}

  @Get()
  list(@Query() query: unknown, @From() caller: Caller): Promise<WebhookDeliveryListView> {
    return this.deliveries.list(query, caller);
  }

  @Post('redeliver')
  @HttpCode(202)
  redeliverMany(@Body() body: unknown, @From() caller: Caller): Promise<RedeliveredView> {
    return this.deliveries.redeliverMany(body, caller);
  }

  @Get(':event_id')
  read(@Param('event_id') eventId: string): Promise<WebhookDeliveryDetailsView> {
    return this.deliveries.read(eventId);
  }

  @Post(':event_id/redeliver')
  @HttpCode(202)
  redeliverOne(@Param('event_id') eventId: string, @From() caller: Caller): Promise<WebhookDeliveryView> {
    return this.deliveries.redeliverOne(eventId, caller);
  }
}
