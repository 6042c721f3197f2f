import { availableParallelism } from 'node:os';
import { importLlamaBinding } from './llama-binding.js';
import { loadLlamaModel } from './llama-model.js';
import { openModelFolder } from './model-folder.js';
import { RealModel } from './real-model.js';

/**
 * Loads the model that was fetched into a folder.
 * @throws RealModelError whose message says what to do
 */
export async function loadRealModel(
  folder: string,
): Promise<{ readonly engine: RealModel; readonly revision: string }> {
  const { modelPath, bindingPath, revision } = await openModelFolder(folder);
  const binding = await importLlamaBinding(bindingPath);
  const loaded = await loadLlamaModel(binding, modelPath, availableParallelism());
  return { engine: new RealModel(loaded, revision), revision };
}
