export {
  loadConfiguration,
  parseConfiguration,
  resolveRegion,
  type Configuration,
  type EndpointConfiguration,
  type QuestionConfiguration,
} from './configuration.js';
export { USUAL_TASK_TYPES, type TaskTypeConfiguration } from './tasks.js';
export { ConfigurationError } from './configuration-error.js';
export { endpointsByLongestWindow } from './longest-window.js';
export {
  DEFAULT_PORT,
  LOG_LEVELS,
  SETTING_NAMES,
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
