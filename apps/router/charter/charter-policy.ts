import { ProblemError, type CharterView } from '#contracts';
import { faceOf, type Caller, type Face } from '#domain';

/** What a caller may ask of budgets, and be told when one is refused. */
export interface BudgetRules {
  /** @throws ProblemError FORBIDDEN where a bound in money is given by whoever is not shown any */
  readonly refuseMoney: (field: string, usd: number | undefined) => void;
  /** Whether a refusal may name endpoints and GPUs. */
  readonly namesEndpoints: boolean;
}

/** Of whoever sees everything. */
export const WHOLE_BUDGET_RULES: BudgetRules = { refuseMoney: () => undefined, namesEndpoints: true };

/** Who is sent what Beacon knows, and who the charter. */
export class CharterPolicy {
  /** @param showsCosts `charter.show_costs` */
  constructor(private readonly showsCosts: boolean) {}

  faceOf(caller: Caller): Face {
    return faceOf(caller, this.showsCosts);
  }

  /**
   * The answer to a caller.
   * @param internal for those who operate Beacon
   * @param charter for everybody else: what `charterView` did not make does not compile
   */
  async reply<Internal, Charter extends CharterView>(
    caller: Caller,
    internal: (face: Face) => Internal | Promise<Internal>,
    charter: (face: Face) => Charter | Promise<Charter>,
  ): Promise<Internal | Charter> {
    const face = this.faceOf(caller);
    return face.operations ? internal(face) : charter(face);
  }

  /** A bound in money tells what things cost, by what it lets pass: whoever is not shown costs has none. */
  budgetRules(caller: Caller): BudgetRules {
    const { money, operations } = this.faceOf(caller);
    return {
      refuseMoney: (field, usd) => {
        if (usd === undefined || money) return;
        const message = 'needs a key that is shown costs (charter.show_costs); use budget.gpu_seconds';
        throw new ProblemError('FORBIDDEN', `${field}: ${message}`, [{ field, message }]);
      },
      namesEndpoints: operations,
    };
  }
}
