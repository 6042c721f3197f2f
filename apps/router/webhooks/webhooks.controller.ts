import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import type {
  CharterView,
  RedeliveredView,
  WebhookDeliveryDetailsView,
  WebhookDeliveryListView,
  WebhookDeliveryView,
  charterRedeliveredSchema,
  charterWebhookDeliveryDetailsSchema,
  charterWebhookDeliveryListSchema,
  charterWebhookDeliverySchema,
} from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import {
  charterDelivery,
  charterDeliveryDetails,
  charterDeliveryList,
  charterRedelivered,
} from '../charter/webhook-face.js';
import { WebhookDeliveries } from './webhook-deliveries.js';

@Controller('webhook-deliveries')
export class WebhooksController {
  constructor(
    @Inject(WebhookDeliveries) private readonly deliveries: WebhookDeliveries,
    @Inject(CharterPolicy) private readonly policy: CharterPolicy,
  ) {}

  @Get()
  async list(
    @Query() query: unknown,
    @From() caller: Caller,
  ): Promise<WebhookDeliveryListView | CharterView<typeof charterWebhookDeliveryListSchema>> {
    const page = await this.deliveries.list(query, caller);
    return this.policy.reply(
      caller,
      () => page,
      () => charterDeliveryList(page),
    );
  }

  @Post('redeliver')
  @HttpCode(202)
  async redeliverMany(
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<RedeliveredView | CharterView<typeof charterRedeliveredSchema>> {
    const redelivered = await this.deliveries.redeliverMany(body, caller);
    return this.policy.reply(
      caller,
      () => redelivered,
      () => charterRedelivered(redelivered),
    );
  }

  @Get(':event_id')
  async read(
    @Param('event_id') eventId: string,
    @From() caller: Caller,
  ): Promise<WebhookDeliveryDetailsView | CharterView<typeof charterWebhookDeliveryDetailsSchema>> {
    const delivery = await this.deliveries.read(eventId);
    return this.policy.reply(
      caller,
      () => delivery,
      () => charterDeliveryDetails(delivery),
    );
  }

  @Post(':event_id/redeliver')
  @HttpCode(202)
  async redeliverOne(
    @Param('event_id') eventId: string,
    @From() caller: Caller,
  ): Promise<WebhookDeliveryView | CharterView<typeof charterWebhookDeliverySchema>> {
    const delivery = await this.deliveries.redeliverOne(eventId, caller);
    return this.policy.reply(
      caller,
      () => delivery,
      () => charterDelivery(delivery),
    );
  }
}
