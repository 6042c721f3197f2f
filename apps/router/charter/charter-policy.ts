import { ProblemError, type CharterView } from '#contracts';
import { faceOf, type Caller, type Face } from '#domain';

/** Refuses a bound in money where the caller is not shown any. @throws ProblemError FORBIDDEN */
export type MoneyCheck = (field: string, usd: number | undefined) => void;

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

  /**
   * A bound in money tells what things cost, by what it lets pass: whoever is not shown costs has none.
   * @throws ProblemError FORBIDDEN
   */
  refuseMoney(caller: Caller, field: string, usd: number | undefined): void {
    if (usd === undefined || this.faceOf(caller).money) return;
    const message = 'needs a key that is shown costs (role "ledger"); use budget.gpu_seconds';
    throw new ProblemError('FORBIDDEN', `${field}: ${message}`, [{ field, message }]);
  }
}
