import type { Configuration } from '#config';
import { ProblemError } from '#contracts';
import { AddressPolicy } from '#webhooks';

const policies = new WeakMap<Configuration, AddressPolicy>();

/** Where this deployment lets webhooks go; made once per configuration. */
function policyOf(configuration: Configuration): AddressPolicy {
  const known = policies.get(configuration);
  if (known !== undefined) return known;
  const { allow_private_addresses: allowPrivateAddresses, allowed_hosts: allowedHosts } =
    configuration.webhooks;
  const policy = new AddressPolicy({ allowPrivateAddresses, allowedHosts });
  policies.set(configuration, policy);
  return policy;
}

/**
 * What can be said against a `webhook_url` when it is given. Names are resolved, and what they lead to is checked, each
 * time something is sent there.
 */
export function webhookUrlFault(url: string, configuration: Configuration): string | undefined {
  return policyOf(configuration).faultOf(url);
}

/** @throws ProblemError VALIDATION_FAILED */
export function refuseWebhookUrl(url: string | undefined, configuration: Configuration): void {
  const fault = url === undefined ? undefined : webhookUrlFault(url, configuration);
  if (fault !== undefined) {
    throw new ProblemError('VALIDATION_FAILED', `webhook_url: ${fault}`, [
      { field: 'webhook_url', message: fault },
    ]);
  }
}
