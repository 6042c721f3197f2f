export { KEY_ID, hashKey, isKey, keyIdOf, makeKey, makePepper, type FreshKey } from './api-key.js';
export {
  KeysFileError,
  changeKeysFile,
  parseKeysFile,
  readKeysFile,
  type KeysFile,
  type StoredKey,
} from './keys-file.js';
