export { type TracingSettings } from './tracing.js';
export { brokenRuleOf, type ConfigurationRule } from './configuration-rule.js';
export {
  configurationFormAt,
  judgeConfiguration,
  keysKnownAt,
  loadConfiguration,
  parseConfiguration,
  resolveRegion,
  type Configuration,
  type ConfigurationForm,
  type ConfigurationFault,
  type EndpointConfiguration,
} from './configuration.js';
export { type TaskTypeConfiguration } from './tasks.js';
export { ConfigurationError } from './configuration-error.js';
export { endpointsByLongestWindow } from './longest-window.js';
export {
  DEFAULT_PORT,
  LOG_LEVELS,
  SETTING_NAMES,
  formOfSetting,
  loadSettings,
  type LogLevel,
  type Settings,
} from './settings.js';
export {
  CHANGEABLE_NAMES,
  CHANGEABLE_SETTINGS,
  boundOf,
  faultOfSetting,
  isSettingName,
  settingOf,
  withSettings,
  type SettingBound,
  type SettingName,
} from './changeable-settings.js';
