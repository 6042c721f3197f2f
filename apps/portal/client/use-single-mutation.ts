import { useMutation, type UseMutationOptions, type UseMutationResult } from '@tanstack/react-query';
import { useRef } from 'react';

type SingleMutation<Answer, Given> = Pick<
  UseMutationResult<Answer, Error, Given>,
  'error' | 'failureCount' | 'isPending' | 'reset'
> & { readonly mutate: (given: Given) => void };

/**
 * A mutation that is under way once at a time: what is asked for meanwhile is left out. A second click comes before the page
 * has drawn that the first is under way; the router would do it again, or refuse what has just been done.
 */
export function useSingleMutation<Answer, Given = void>(
  options: UseMutationOptions<Answer, Error, Given>,
): SingleMutation<Answer, Given> {
  const isUnderWay = useRef(false);
  const { mutateAsync, error, failureCount, isPending, reset } = useMutation(options);
  const mutate = (given: Given): void => {
    if (isUnderWay.current) return;
    isUnderWay.current = true;
    const settle = (): void => {
      isUnderWay.current = false;
    };
    mutateAsync(given).then(settle, settle);
  };
  return { mutate, error, failureCount, isPending, reset };
}
