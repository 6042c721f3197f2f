import type { ReactNode } from 'react';
import type { Deployment } from './deployment.js';
import { Faults } from '../fields/field.js';
import { toggled } from './draft.js';

/** Which models are asked in which regions: one box for each, and what is served where. */
export function TargetGrid({
  deployment,
  models,
  regions,
  modelFaults,
  regionFaults,
  onModels,
  onRegions,
}: {
  readonly deployment: Deployment;
  readonly models: readonly string[];
  readonly regions: readonly string[];
  readonly modelFaults: readonly string[];
  readonly regionFaults: readonly string[];
  readonly onModels: (models: string[]) => void;
  readonly onRegions: (regions: string[]) => void;
}): ReactNode {
  // What an import names and nobody serves can be taken back here.
  const allModels = [...new Set([...deployment.models, ...models])];
  const allRegions = [...new Set([...deployment.regions, ...regions])];
  return (
    <>
      <div
        className="table-frame compose-targets"
        role="region"
        aria-label="What is asked where"
        tabIndex={0}
      >
        <table>
          <caption className="unseen">
            Models and regions that are asked, and where each model is served
          </caption>
          <thead>
            <tr>
              <th scope="col">Model</th>
              {allRegions.map((region, index) => (
                <th key={region} scope="col" data-field={index === 0 ? 'regions' : undefined}>
                  <label className="compose-check">
                    <input
                      type="checkbox"
                      checked={regions.includes(region)}
                      onChange={() => onRegions(toggled(regions, region, allRegions))}
                    />{' '}
                    {region}
                  </label>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {allModels.map((model, index) => (
              <tr key={model}>
                <th scope="row" data-field={index === 0 ? 'models' : undefined}>
                  <label className="compose-check">
                    <input
                      type="checkbox"
                      checked={models.includes(model)}
                      onChange={() => onModels(toggled(models, model, allModels))}
                    />{' '}
                    {model}
                  </label>
                </th>
                {allRegions.map((region) => (
                  <td key={region}>
                    <Served
                      isServed={deployment.serves(model, region)}
                      isAsked={models.includes(model) && regions.includes(region)}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Faults faults={[...modelFaults, ...regionFaults]} />
    </>
  );
}

function Served({ isServed, isAsked }: { readonly isServed: boolean; readonly isAsked: boolean }): ReactNode {
  if (isAsked && isServed) return <span className="badge badge-good">✓ asked</span>;
  if (isAsked) return <span className="badge badge-warn">! not served</span>;
  return <span className="quiet-text">{isServed ? 'served' : 'not served'}</span>;
}
